/** A clock in the hands of the test. */
export class FakeClock {
  time = 0;
  timers: { at: number; run: () => void }[] = [];
  now = () => this.time;
  later = (run: () => void, ms: number) => {
    const timer = { at: this.time + ms, run };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((t) => t !== timer));
  };
  pass(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const next = this.timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.time = next.at;
      this.timers = this.timers.filter((t) => t !== next);
      next.run();
    }
    this.time = end;
  }
  /** The same, with promises settled in between. */
  async passing(ms: number): Promise<void> {
    for (const end = this.time + ms; this.time < end; ) {
      const next = Math.min(end, ...this.timers.map((t) => t.at));
      this.pass(Math.max(next - this.time, 0));
      for (let i = 0; i < 20; i++) await Promise.resolve();
    }
  }
}

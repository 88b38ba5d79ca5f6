/* A component that renders again only when a prop is another one (or a signal it read changes). */
import { Component, h, type FunctionComponent, type VNode } from "preact";

export function memo<P extends object>(inner: FunctionComponent<P>): FunctionComponent<P> {
  class Memo extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      const now = this.props as Record<string, unknown>;
      return Object.entries(next).some(([name, value]) => now[name] !== value);
    }
    override render(): VNode {
      return h(inner as FunctionComponent, this.props);
    }
  }
  return Memo as unknown as FunctionComponent<P>;
}

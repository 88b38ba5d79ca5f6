#include "tests/unit/sandbox/bpf.h"

#include <stdlib.h>
#include <string.h>

struct machine {
	uint32_t a, x;
	uint32_t memory[BPF_MEMWORDS];
};

static uint32_t load(const struct seccomp_data *data, uint32_t offset)
{
	uint32_t word;

	if (offset % 4 != 0 || offset + 4 > sizeof(*data))
		abort();
	memcpy(&word, (const char *)data + offset, sizeof(word));
	return word;
}

static uint32_t compute(uint16_t code, uint32_t a, uint32_t b)
{
	switch (BPF_OP(code)) {
	case BPF_AND:
		return a & b;
	case BPF_OR:
		return a | b;
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	default:
		abort();
	}
}

static int holds(uint16_t code, uint32_t a, uint32_t b)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	case BPF_JSET:
		return (a & b) != 0;
	default:
		abort();
	}
}

static void step(struct machine *m, const struct sock_filter *in, const struct seccomp_data *data)
{
	switch (in->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		m->a = load(data, in->k);
		break;
	case BPF_LD | BPF_IMM:
		m->a = in->k;
		break;
	case BPF_LD | BPF_MEM:
		m->a = m->memory[in->k % BPF_MEMWORDS];
		break;
	case BPF_LDX | BPF_MEM:
		m->x = m->memory[in->k % BPF_MEMWORDS];
		break;
	case BPF_ST:
		m->memory[in->k % BPF_MEMWORDS] = m->a;
		break;
	case BPF_MISC | BPF_TAX:
		m->x = m->a;
		break;
	case BPF_MISC | BPF_TXA:
		m->a = m->x;
		break;
	default:
		if (BPF_CLASS(in->code) != BPF_ALU)
			abort();
		m->a = compute(in->code, m->a, BPF_SRC(in->code) == BPF_X ? m->x : in->k);
	}
}

uint32_t bpf_run(const struct sock_fprog *program, const struct seccomp_data *data)
{
	struct machine m = {0};

	for (size_t at = 0; at < program->len; at++) {
		const struct sock_filter *in = &program->filter[at];

		if (in->code == (BPF_RET | BPF_K))
			return in->k;
		if (in->code == (BPF_RET | BPF_A))
			return m.a;
		if (in->code == (BPF_JMP | BPF_JA))
			at += in->k;
		else if (BPF_CLASS(in->code) == BPF_JMP)
			at += holds(in->code, m.a, BPF_SRC(in->code) == BPF_X ? m.x : in->k)
				      ? in->jt
				      : in->jf;
		else
			step(&m, in, data);
	}
	abort();
}

#include "inference/kernels/kernels.h"

#include <math.h>
#include <stdint.h>

#include "tests/support/test.h"

#define M_MAX 13
#define N_MAX 100
#define K_MAX 512

static const struct kernels *builds[8];
static size_t n_builds;

static void find_builds(void)
{
	static const char *const names[] = {
		"scalar", "avx2", "avx512", "avx512_vnni", "avx512_bf16"};

	n_builds = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (kernels_pick(names[i], &builds[n_builds], NULL) == 0)
			n_builds++;
	CHECK(n_builds > 0);
}

static float next(void)
{
	static uint32_t state = 12345;

	state = state * 1664525 + 1013904223;
	return (float)(state >> 8) / (1 << 24) * 2 - 1;
}

static float x[M_MAX * K_MAX], y[M_MAX * N_MAX], z[M_MAX * N_MAX], bias[N_MAX];
static float w[N_MAX * K_MAX];
static uint8_t file[N_MAX * K_MAX * 4], packed[(N_MAX + 16) * (K_MAX + 256) * 4];
static struct eights eights[M_MAX * EIGHTS_OF(K_MAX)];
static uint32_t pairs[M_MAX * PAIRS_OF(K_MAX)];

static const struct kernels *reference(void)
{
	const struct kernels *k;

	CHECK(kernels_pick("scalar", &k, NULL) == 0);
	return k;
}

/* A scale as files have them: positive, of any bits below. */
static void put_half(uint8_t *at)
{
	uint16_t h = (uint16_t)(0x2000 + (int)(fabsf(next()) * 0x7ff));

	memcpy(at, &h, 2);
}

/* A matrix of random bytes, with scales that are numbers; its values to w. */
static struct tensor matrix(enum tensor_type type, size_t n, size_t k)
{
	struct tensor t = {
		.type = type, .n_dims = 2, .dims = {n, k}, .count = n * k, .bytes = file};
	size_t size = tensor_block_bytes(type), blocks = n * k / tensor_block(type);

	CHECK(k % tensor_block(type) == 0 && blocks * size <= sizeof(file));
	for (size_t i = 0; i < blocks * size; i++)
		file[i] = (uint8_t)(int)(next() * 1000);
	for (size_t i = 0; i < blocks; i++) {
		uint8_t *block = file + i * size;
		float f = next();

		if (type == TENSOR_F32)
			memcpy(block, &f, 4);
		else if (type == TENSOR_BF16)
			memcpy(block, (uint8_t *)&f + 2, 2);
		else
			put_half(block + (type == TENSOR_Q6_K ? 208 : 0));
		if (type == TENSOR_Q4_K || type == TENSOR_Q5_K)
			put_half(block + 2);
	}
	tensor_read(&t, 0, t.count, w);
	return t;
}

/* Packs it, and quantises the rows of x for it. */
static struct product product_of(const struct tensor *t, enum tensor_type type, size_t m)
{
	size_t n = t->dims[0], k = t->dims[1];

	CHECK(packed_bytes(type, n, k) > 0 && packed_bytes(type, n, k) <= sizeof(packed));
	memset(packed, 0xaa, sizeof(packed));
	packed_fill(t, type, 0, (n + 15) / 16, packed);
	for (size_t i = 0; i < m * k; i++)
		x[i] = next() * (i % 7 ? 1 : 20);
	for (size_t i = 0; i < n; i++)
		bias[i] = next();
	for (size_t i = 0; i < m; i++) {
		reference()->quantise(x + i * k, k, eights + i * EIGHTS_OF(k));
		reference()->pair(x + i * k, k, pairs + i * PAIRS_OF(k));
	}
	return (struct product){x, eights, pairs, k, m % 2 ? bias : NULL, y, n, m, n, k};
}

/* What the kernel multiplies with: x itself, or what it has been rounded to. */
static double factor(
	const struct product *p, enum tensor_type type, bool rounded, size_t i, size_t c)
{
	const struct eights *e = p->q + i * EIGHTS_OF(p->k) + c / 32;
	uint32_t pair = p->pairs[i * PAIRS_OF(p->k) + c / 2] >> (c % 2 * 16) << 16;
	float half;

	memcpy(&half, &pair, sizeof(half));
	if (type == TENSOR_BF16 && rounded)
		return (double)half;
	return tensor_block(type) == 1 ? (double)x[i * p->k + c]
				       : (double)e->scale * (double)e->q[c % 32];
}

static void check_product(const struct product *p, enum tensor_type type, const struct kernels *k)
{
	for (size_t i = 0; i < p->m; i++)
		for (size_t r = 0; r < p->n; r++) {
			double want = p->bias ? (double)bias[r] : 0, size = 1e-3 + fabs(want);

			for (size_t c = 0; c < p->k; c++) {
				double term = factor(p, type, k->rounds_bf16, i, c) *
					      (double)w[r * p->k + c];

				want += term;
				size += fabs(term);
			}
			if (fabs((double)y[i * p->ldy + r] - want) >= 1e-6 * size)
				fprintf(stderr, "type %d n %zu k %zu m %zu: %g want %g size %g\n",
					type, p->n, p->k, p->m, (double)y[i * p->ldy + r], want,
					size);
			CHECK(fabs((double)y[i * p->ldy + r] - want) < 1e-6 * size);
		}
}

static const size_t sizes[][2] = {
	{1, 1}, {16, 16}, {17, 5}, {100, 77}, {33, 31}, {5, 64}, {100, 32}, {40, 256}, {17, 512}};

#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))

TEST(packed_weights_read_back_as_the_file_has_them)
{
	float row[K_MAX];

	for (enum tensor_type type = 0; type < TENSOR_TYPES; type++)
		for (size_t s = 0; s < N_SIZES; s++) {
			size_t n = sizes[s][0], k = sizes[s][1];

			if (k % tensor_block(type) != 0)
				continue;
			struct tensor t = matrix(type, n, k);

			(void)product_of(&t, type, 1);
			for (size_t r = 0; r < n; r++) {
				packed_read(type, packed, k, r, row);
				CHECK(!memcmp(row, w + r * k, k * sizeof(*row)));
			}
		}
}

TEST(products_of_every_type_and_shape_are_right_in_every_build)
{
	find_builds();
	for (enum tensor_type type = 0; type < TENSOR_TYPES; type++)
		for (size_t s = 0; s < N_SIZES; s++)
			for (size_t m = 1; m <= M_MAX; m += m < 10 ? 1 : 3) {
				size_t n = sizes[s][0], k = sizes[s][1], groups = (n + 15) / 16;

				if (k % tensor_block(type) != 0)
					continue;
				struct tensor t = matrix(type, n, k);
				struct product p = product_of(&t, type, m);

				for (size_t b = 0; b < n_builds; b++) {
					memset(y, 0xff, sizeof(y));
					builds[b]->matmul[type](packed, &p, 0, groups / 2);
					builds[b]->matmul[type](packed, &p, groups / 2, groups);
					check_product(&p, type, builds[b]);
				}
			}
}

TEST(plain_numbers_in_8_bits_stay_within_half_a_step)
{
	struct tensor t = matrix(TENSOR_BF16, 33, 77);
	float row[K_MAX];

	(void)product_of(&t, TENSOR_Q8_0, 1);
	for (size_t r = 0; r < 33; r++) {
		packed_read(TENSOR_Q8_0, packed, 77, r, row);
		for (size_t c = 0; c < 77; c++) {
			float high = 0;

			for (size_t i = c / 32 * 32; i < 77 && i < c / 32 * 32 + 32; i++)
				high = fmaxf(high, fabsf(w[r * 77 + i]));
			CHECK(fabsf(row[c] - w[r * 77 + c]) <= high / 127 * 0.501f + high * 1e-3f);
		}
	}
}

TEST(every_build_rounds_rows_to_the_same_8_bits)
{
	static struct eights other[EIGHTS_OF(K_MAX)];

	find_builds();
	for (size_t k = 1; k <= K_MAX; k += 37) {
		for (size_t i = 0; i < k; i++)
			x[i] = i % 5 ? next() : (float)(int)(next() * 254) / 254;
		x[k / 2] = k % 2 ? NAN : 0;
		x[k / 3] = k % 3 ? 1e-44f : 0;
		reference()->quantise(x, k, eights);
		for (size_t b = 0; b < n_builds; b++) {
			memset(other, 0xff, sizeof(other));
			builds[b]->quantise(x, k, other);
			for (size_t i = 0; i < EIGHTS_OF(k); i++) {
				CHECK(!memcmp(other[i].q, eights[i].q, sizeof(other[i].q)));
				CHECK(!memcmp(
					other[i].minus, eights[i].minus, sizeof(other[i].minus)));
				CHECK(other[i].scale == eights[i].scale);
			}
		}
	}
}

TEST(rows_are_rounded_to_the_nearest_bfloat16)
{
	static const float from[] = {1, 1.00390625f, 1.01171875f, -3.14159f, 0, 3.4e38f, 1e-40f};
	uint32_t to[4];

	find_builds();
	for (size_t b = 0; b < n_builds; b++) {
		builds[b]->pair(from, 7, to);
		CHECK(to[0] == 0x3f803f80); /* a tie, to the even one below */
		CHECK(to[1] == 0xc0493f82); /* a tie, to the even one above */
		CHECK(to[2] == 0x7f800000 && to[3] == 0x0001);
	}
}

TEST(extreme_bytes_do_not_overflow_any_sum)
{
	find_builds();
	for (enum tensor_type type = TENSOR_Q8_0; type < TENSOR_TYPES; type++)
		for (int sign = -1; sign <= 1; sign += 2)
			for (int fill = 0; fill < 2; fill++) {
				struct tensor t = matrix(type, 16, 512);
				size_t size = tensor_block_bytes(type);
				struct product p;

				memset(file,
					fill                  ? 0xff
					: type == TENSOR_Q8_0 ? 0x80
							      : 0,
					sizeof(file));
				for (size_t i = 0; i < t.count / tensor_block(type); i++)
					put_half(file + i * size + (type == TENSOR_Q6_K ? 208 : 0));
				for (size_t i = 0;
					type != TENSOR_Q8_0 && i < t.count / tensor_block(type);
					i++)
					put_half(file + i * size + (type == TENSOR_Q6_K ? 208 : 2));
				tensor_read(&t, 0, t.count, w);
				p = product_of(&t, type, 9);
				for (size_t i = 0; i < 9 * 512; i++)
					x[i] = (float)sign;
				for (size_t i = 0; i < 9; i++)
					reference()->quantise(
						x + i * 512, 512, eights + i * EIGHTS_OF(512));
				for (size_t b = 0; b < n_builds; b++) {
					builds[b]->matmul[type](packed, &p, 0, 1);
					check_product(&p, type, builds[b]);
				}
			}
}

TEST(a_row_gets_the_same_bits_alone_and_among_others)
{
	find_builds();
	for (enum tensor_type type = 0; type < TENSOR_TYPES; type++)
		for (size_t b = 0; b < n_builds; b++)
			for (size_t m = 1; m <= M_MAX; m++) {
				struct tensor t = matrix(type, N_MAX, 256);
				struct product all = product_of(&t, type, m);

				builds[b]->matmul[type](packed, &all, 0, (N_MAX + 15) / 16);
				for (size_t i = 0; i < m; i++) {
					struct product one = all;

					one.x += i * 256;
					one.q += i * EIGHTS_OF(256);
					one.pairs += i * PAIRS_OF(256);
					one.y = z;
					one.m = 1;
					builds[b]->matmul[type](packed, &one, 0, (N_MAX + 15) / 16);
					CHECK(!memcmp(z, y + i * N_MAX, N_MAX * sizeof(*z)));
				}
			}
}

TEST(norms_follow_their_formula)
{
	float b[77];

	find_builds();
	for (int i = 0; i < 77; i++) {
		x[i] = next();
		w[i] = next();
		b[i] = next();
	}
	for (size_t i = 0; i < n_builds; i++)
		for (size_t n = 1; n <= 77; n += 19) {
			double squares = 0, mean = 0, variance = 0;

			for (size_t j = 0; j < n; j++) {
				squares += (double)x[j] * (double)x[j];
				mean += (double)x[j] / (double)n;
			}
			for (size_t j = 0; j < n; j++)
				variance +=
					((double)x[j] - mean) * ((double)x[j] - mean) / (double)n;
			builds[i]->rmsnorm(x, w, 1e-5f, y, n);
			builds[i]->layernorm(x, w, b, 1e-5f, z, n);
			for (size_t j = 0; j < n; j++) {
				double rms = (double)x[j] / sqrt(squares / (double)n + 1e-5);
				double norm = ((double)x[j] - mean) / sqrt(variance + 1e-5);

				CHECK(fabs((double)y[j] - rms * (double)w[j]) < 1e-6);
				CHECK(fabs((double)z[j] - norm * (double)w[j] - (double)b[j]) <
					2e-6);
			}
		}
}

TEST(activations_stay_near_the_exact_functions)
{
	enum { N = 4001 };
	static float gate[N], up[N], g[N], t[N];

	find_builds();
	for (size_t b = 0; b < n_builds; b++) {
		for (int i = 0; i < N; i++) {
			gate[i] = g[i] = t[i] = ((float)i - N / 2) / 100;
			up[i] = 1;
		}
		builds[b]->silu_mul(gate, up, N);
		builds[b]->gelu(g, N);
		builds[b]->gelu_tanh(t, N);
		for (int i = 0; i < N; i++) {
			double v = (double)(((float)i - N / 2) / 100);

			CHECK(fabs((double)gate[i] - v / (1 + exp(-v))) < 1e-6 * (1 + fabs(v)));
			double u = sqrt(2 / M_PI) * (v + 0.044715 * v * v * v);

			CHECK(fabs((double)t[i] - 0.5 * v * (1 + tanh(u))) < 1e-6 * (1 + fabs(v)));
			CHECK(fabs((double)g[i] - 0.5 * v * (1 + erf(v / sqrt(2)))) <
				1e-6 * (1 + fabs(v)));
		}
	}
}

TEST(attention_over_pages_gives_the_bits_of_attention_in_one_piece)
{
	enum { DIM = 24, N = 77, PAGE = 32, PAGES = (N + PAGE - 1) / PAGE };
	static float q[2 * DIM], k[PAGES * PAGE * DIM], v[PAGES * PAGE * DIM], scores[N + 32];
	static float whole[2 * DIM], paged[2 * DIM], memory[PAGES][2 * PAGE * DIM];
	const float *pages[PAGES];

	find_builds();
	for (size_t i = 0; i < 2 * DIM; i++)
		q[i] = next();
	for (size_t i = 0; i < PAGES * PAGE * DIM; i++) {
		k[i] = next();
		v[i] = next();
	}
	for (size_t i = 0; i < PAGES; i++) {
		pages[i] = memory[PAGES - 1 - i];
		memcpy(memory[PAGES - 1 - i], k + i * PAGE * DIM, PAGE * DIM * sizeof(*k));
		memcpy(memory[PAGES - 1 - i] + PAGE * DIM, v + i * PAGE * DIM,
			PAGE * DIM * sizeof(*v));
	}
	for (size_t b = 0; b < n_builds; b++)
		for (size_t n = 1; n <= N; n++) {
			struct attention a = {.q = q,
				.k = k,
				.k_stride = DIM * KEY_BLOCK,
				.v = v,
				.v_stride = DIM,
				.heads = 2,
				.dim = DIM,
				.n = n,
				.scores = scores,
				.y = whole};

			builds[b]->attend(&a);
			a.k = a.v = NULL;
			a.pages = pages;
			a.page = PAGE;
			a.v_at = PAGE * DIM;
			a.y = paged;
			builds[b]->attend(&a);
			CHECK(!memcmp(whole, paged, sizeof(whole)));
		}
}

TEST(softmax_sums_to_one_and_survives_extremes)
{
	find_builds();
	for (size_t b = 0; b < n_builds; b++) {
		float v[] = {1000, 999, -1000, 0, 1000};
		double sum = 0;

		builds[b]->softmax(v, 5);
		for (int i = 0; i < 5; i++)
			sum += (double)v[i];
		CHECK(fabs(sum - 1) < 1e-6);
		CHECK(fabs((double)v[1] / (double)v[0] - exp(-1)) < 1e-6);
		CHECK(v[2] < 1e-30f && v[0] == v[4]);
	}
}

TEST(a_build_that_does_not_exist_is_refused_by_name)
{
	const struct kernels *k;
	struct err e = {0};

	CHECK(kernels_pick("abacus", &k, &e) < 0);
	CHECK(strstr(e.text, "abacus"));
	CHECK(kernels_pick(NULL, &k, NULL) == 0);
	printf("  the best is %s\n", k->name);
}

TEST_MAIN()

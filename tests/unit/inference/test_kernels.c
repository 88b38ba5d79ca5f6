#include "inference/kernels/kernels.h"

#include <math.h>
#include <stdint.h>

#include "tests/support/test.h"

#define M_MAX 13
#define N_MAX 100
#define K_MAX 77

static const struct kernels *builds[8];
static size_t n_builds;

static void find_builds(void)
{
	static const char *const names[] = {"scalar", "avx2", "avx512"};

	n_builds = 0;
	for (size_t i = 0; i < 3; i++)
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

static uint16_t to_bf16(float f)
{
	uint32_t bits;

	memcpy(&bits, &f, 4);
	return (uint16_t)(bits >> 16);
}

static float from_bf16(uint16_t h)
{
	uint32_t bits = (uint32_t)h << 16;
	float f;

	memcpy(&f, &bits, 4);
	return f;
}

static float x[M_MAX * K_MAX], y[M_MAX * N_MAX], z[M_MAX * N_MAX], bias[N_MAX];
static uint16_t w16[N_MAX * K_MAX], panels16[(N_MAX + 16) * K_MAX];
static float panels32[(N_MAX + 16) * K_MAX];

static void fill(size_t n, size_t k)
{
	memset(panels16, 0, sizeof(panels16));
	memset(panels32, 0, sizeof(panels32));
	for (size_t i = 0; i < M_MAX * K_MAX; i++)
		x[i] = next();
	for (size_t r = 0; r < n; r++) {
		bias[r] = next();
		for (size_t c = 0; c < k; c++) {
			size_t at = r / 16 * 16 * k + c * 16 + r % 16;

			w16[r * k + c] = panels16[at] = to_bf16(next());
			panels32[at] = from_bf16(panels16[at]);
		}
	}
}

static void check_product(const struct product *p)
{
	for (size_t i = 0; i < p->m; i++)
		for (size_t r = 0; r < p->n; r++) {
			double want = p->bias ? (double)bias[r] : 0, size = 1;

			for (size_t c = 0; c < p->k; c++) {
				double term = (double)x[i * p->ldx + c] *
					      (double)from_bf16(w16[r * p->k + c]);

				want += term;
				size += fabs(term);
			}
			CHECK(fabs((double)y[i * p->ldy + r] - want) < 1e-6 * size);
		}
}

TEST(products_of_every_shape_are_right_in_every_build)
{
	static const size_t sizes[][2] = {{1, 1}, {16, 16}, {17, 5}, {100, 77}, {64, 64}, {33, 31}};

	find_builds();
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		size_t n = sizes[s][0], k = sizes[s][1];

		fill(n, k);
		for (size_t m = 1; m <= M_MAX; m++)
			for (size_t b = 0; b < n_builds; b++) {
				struct product p = {x, k, m % 2 ? bias : NULL, y, n, m, n, k};

				memset(y, 0xff, sizeof(y));
				builds[b]->matmul_f32(panels32, &p);
				check_product(&p);
				builds[b]->matmul_bf16(panels16, &p);
				check_product(&p);
			}
	}
}

TEST(a_row_gets_the_same_bits_alone_and_among_others)
{
	find_builds();
	fill(N_MAX, K_MAX);
	for (size_t b = 0; b < n_builds; b++)
		for (size_t m = 1; m <= M_MAX; m++) {
			struct product all = {x, K_MAX, bias, y, N_MAX, m, N_MAX, K_MAX};

			builds[b]->matmul_bf16(panels16, &all);
			for (size_t i = 0; i < m; i++) {
				struct product one = {
					x + i * K_MAX, K_MAX, bias, z, N_MAX, 1, N_MAX, K_MAX};

				builds[b]->matmul_bf16(panels16, &one);
				CHECK(!memcmp(z, y + i * N_MAX, N_MAX * sizeof(*z)));
			}
		}
}

TEST(norms_follow_their_formula)
{
	float w[K_MAX], b[K_MAX];

	find_builds();
	fill(N_MAX, K_MAX);
	for (int i = 0; i < K_MAX; i++) {
		w[i] = next();
		b[i] = next();
	}
	for (size_t i = 0; i < n_builds; i++)
		for (size_t n = 1; n <= K_MAX; n += 19) {
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

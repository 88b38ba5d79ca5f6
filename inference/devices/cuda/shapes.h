/* Sizes that the kernels and their host code must agree on. */
#pragma once

#define CUDA_THREADS 256     /* of every block */
#define CUDA_PRODUCT_WIDE 4  /* tiles of 16 outputs that one block of a large product takes */
#define CUDA_PRODUCT_TILES 4 /* tiles of 8 rows of x that it takes */
#define CUDA_HEAD_MAX 512    /* numbers of one head */
#define CUDA_PAGE 32         /* tokens of a page: KV_PAGE */

/* A picture from a stranger: what is read has the size that was asked for, or an error has words.
 */
#include "picture/picture.h"

#include "tests/support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct picture_form forms[] = {
		{16, 12, 0, RESAMPLE_BILINEAR},
		{8, 8, 10, RESAMPLE_BICUBIC},
	};
	volatile unsigned int sum = 0;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct picture *p = NULL;
		struct err e = {0};
		int r = picture_open(data, size, &forms[i], &p, &e);

		MUST((r < 0) == (p == NULL));
		while (r == 0)
			r = picture_read(p, 64, &e);
		MUST(r > 0 || (e.code < 0 && e.text[0]));
		for (size_t k = 0; r > 0 && k < (size_t)forms[i].width * forms[i].height * 3; k++)
			sum = sum + picture_rgb(p)[k];
		picture_free(p);
	}
	return 0;
}

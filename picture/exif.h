/* The one thing of Exif that changes what a picture shows. Inside picture/ only. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* 1 to 8 from the content of a JPEG's APP1; 1 when it does not say, or is damaged. */
unsigned int exif_orientation(const uint8_t *at, size_t n);

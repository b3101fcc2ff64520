// Force-included by g++ (-include): hls4ml's C simulation reads its weights from the folder WEIGHTS_DIR, a path it would
// compile into the library. As a call it is set when the library is loaded, so the library may lie anywhere.
#ifndef WEFT_WEIGHTS_H_
#define WEFT_WEIGHTS_H_

extern "C" const char *weft_weights_folder();
#define WEIGHTS_DIR weft_weights_folder()

#endif

// What weft_top needs of Vitis HLS's header of the same name, for g++: the AXI4-Stream beat without side channels
// (UG1399, "AXI4-Stream Interfaces with Side-Channels"). Vitis uses its own.
#ifndef WEFT_AP_AXI_SDATA_H_
#define WEFT_AP_AXI_SDATA_H_

#include "ap_int.h"

namespace hls {

// A channel of no bits exists in no hardware; a C++ member needs one bit.
constexpr int at_least_one(int bits) { return bits > 0 ? bits : 1; }

template <class Data, int user_bits, int id_bits, int dest_bits> struct axis {
    static const int bytes = (Data::width + 7) / 8;

    Data data;
    ap_uint<bytes> keep;
    ap_uint<bytes> strb;
    ap_uint<at_least_one(user_bits)> user;
    ap_uint<1> last;
    ap_uint<at_least_one(id_bits)> id;
    ap_uint<at_least_one(dest_bits)> dest;
};

} // namespace hls

template <int data_bits, int user_bits, int id_bits, int dest_bits>
using ap_axiu = hls::axis<ap_uint<data_bits>, user_bits, id_bits, dest_bits>;

template <int data_bits, int user_bits, int id_bits, int dest_bits>
using ap_axis = hls::axis<ap_int<data_bits>, user_bits, id_bits, dest_bits>;

#endif

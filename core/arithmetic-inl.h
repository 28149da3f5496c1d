// Exponentials and sums over vectors, included once for each instruction set.
//
// What makes the bits equal everywhere: element i of a block is added in lane i % kLanes,
// whatever the width of a vector; lanes are combined in a fixed order; a multiplication and
// an addition are fused where Fma says so and nowhere else.

#if defined(BOLTZMANN_CORE_ARITHMETIC_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BOLTZMANN_CORE_ARITHMETIC_INL_H_
#undef BOLTZMANN_CORE_ARITHMETIC_INL_H_
#else
#define BOLTZMANN_CORE_ARITHMETIC_INL_H_
#endif

#include <cmath>
#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace boltzmann::core::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr double kLog2E = 1.44269504088896338700;

// Vectors of floats; of doubles; of as many floats, or integers, as there are doubles, floats.
using D32 = hn::ScalableTag<float>;
using D64 = hn::ScalableTag<double>;
using DHalf = hn::Rebind<float, D64>;
using DId = hn::RebindToSigned<D32>;
using V32 = hn::Vec<D32>;
using V64 = hn::Vec<D64>;
using M32 = hn::Mask<D32>;
constexpr int kWidth32 = hn::MaxLanes(D32());
constexpr int kWidth64 = hn::MaxLanes(D64());

// The lanes that a block's sums run in: of floats in a scan, of doubles elsewhere.
constexpr int kScanLanes = 32;
constexpr int kLanes = 16;

// The vectors whose exponentials are computed side by side. No result depends on it.
constexpr int kChains32 = kWidth32 == 1 ? kScanLanes : HWY_MAX(4, kScanLanes / kWidth32);
constexpr int kChains64 = kWidth64 == 1 ? kLanes : HWY_MAX(4, kLanes / kWidth64);

// a * b + c and a * b - c, rounded once.
template <class V>
HWY_INLINE V Fma(V a, V b, V c) {
#if HWY_TARGET == HWY_SCALAR
  return V(std::fma(a.raw, b.raw, c.raw));
#else
  return hn::MulAdd(a, b, c);
#endif
}
template <class V>
HWY_INLINE V Fms(V a, V b, V c) {
#if HWY_TARGET == HWY_SCALAR
  return V(std::fma(a.raw, b.raw, -c.raw));
#else
  return hn::MulSub(a, b, c);
#endif
}

// ------------------------------------------------------------------ exponentials

// exp(x / T) for several vectors of x at once: chains side by side, one step at a time, keep
// a processor's multipliers busy where one chain after the other would wait for itself.
//
// exp(x / T) = 2^(x * scale), and x * scale = n + r with n an integer and |r| <= 1/2: adding
// 1.5 * 2^(mantissa bits) leaves n in the low bits of the sum, from where it goes into the
// exponent. 2^r is 1 + r * q(r), so exactly 1 at 0; the coefficients of q minimise the
// largest relative error. What lies below `least`, -infinity too, counts as `least`, where
// the result can be seen beside 1 no more. A NaN gives anything, but leaves a trace.
template <class D, int kDegree>
class Exp {
 public:
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;
  using Bits = hn::Vec<hn::RebindToUnsigned<D>>;

  constexpr Exp(double temperature, const T (&coefficients)[kDegree], T round, T lowest)
      : scale_(static_cast<T>(kLog2E / temperature)),
        least_(lowest / scale_),
        round_(round),
        coefficients_(coefficients) {}

  HWY_INLINE V Clamp(V x) const {
    const D d;
    const V least = hn::Set(d, least_);
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
    return hn::Max(least, x);  // where one is a NaN, x86 takes the second
#else
    return hn::IfThenElse(hn::Lt(x, least), least, x);
#endif
  }

  template <int kCount>
  HWY_INLINE void operator()(V (&x)[kCount]) const {
    Bits trace = hn::Zero(hn::RebindToUnsigned<D>());
    (*this)(x, trace);
  }

  // Also ors into `trace` what shows whether there was a NaN, for HadNan.
  template <int kCount>
  HWY_INLINE void operator()(V (&x)[kCount], Bits& trace) const {
    constexpr int kMantissaBits = sizeof(T) == 4 ? 23 : 52;
    const D d;
    const hn::RebindToUnsigned<D> du;
    const V scale = hn::Set(d, scale_);
    const V round = hn::Set(d, round_);
    V shifted[kCount];
    V e[kCount];
    for (int j = 0; j < kCount; ++j) x[j] = Clamp(x[j]);
    for (int j = 0; j < kCount; ++j) shifted[j] = Fma(x[j], scale, round);
    for (int j = 0; j < kCount; ++j) trace = hn::Or(trace, hn::BitCast(du, shifted[j]));
    for (int j = 0; j < kCount; ++j) x[j] = Fms(x[j], scale, hn::Sub(shifted[j], round));
    const V first = hn::Set(d, coefficients_[0]);
    const V second = hn::Set(d, coefficients_[1]);
    for (int j = 0; j < kCount; ++j) e[j] = Fma(first, x[j], second);
    for (int k = 2; k < kDegree; ++k) {
      const V coefficient = hn::Set(d, coefficients_[k]);
      for (int j = 0; j < kCount; ++j) e[j] = Fma(e[j], x[j], coefficient);
    }
    const V one = hn::Set(d, T{1});
    for (int j = 0; j < kCount; ++j) {
      const auto exponent = hn::ShiftLeft<kMantissaBits>(hn::BitCast(du, shifted[j]));
      e[j] = Fma(e[j], x[j], one);
      x[j] = hn::BitCast(d, hn::Add(hn::BitCast(du, e[j]), exponent));
    }
  }

 private:
  T scale_;
  T least_;
  T round_;
  const T (&coefficients_)[kDegree];
};

constexpr float kExp32[] = {0x1.5bba14p-10f, 0x1.3cea88p-7f, 0x1.c6b752p-5f, 0x1.ebf9bcp-3f,
                            0x1.62e42ap-1f};
struct Exp32 : Exp<D32, 5> {
  explicit Exp32(double temperature) : Exp(temperature, kExp32, 0x1.8p23f, -126.0f) {}

  // What is shifted lies in [2^23, 2^24), whose exponent leaves a bit clear that a NaN sets.
  static HWY_INLINE bool HadNan(Bits trace) {
    const hn::RebindToUnsigned<D32> du;
    const Bits exponent_bit = hn::Set(du, 0x10000000u);
    return !hn::AllFalse(du, hn::Eq(hn::And(trace, exponent_bit), exponent_bit));
  }
};

constexpr double kExp64[] = {0x1.b3e55cp-24,       0x1.63e6d66p-20,      0x1.ffce291c8p-17,
                             0x1.430897bcf18p-13,  0x1.5d87fd95a46p-10,  0x1.3b2ab7242b2f2p-7,
                             0x1.c6b08d70c7615p-5, 0x1.ebfbdff81bd56p-3, 0x1.62e42fefa37e5p-1};
struct Exp64 : Exp<D64, 9> {
  explicit Exp64(double temperature) : Exp(temperature, kExp64, 0x1.8p52, -1020.0) {}
};

// ------------------------------------------------------------------ sums in fixed lanes

// Eight doubles, added up: lane j with j + 4, then with j + 2, then with j + 1.
constexpr int kEight = 8 / kWidth64;
HWY_INLINE double SumOfEight(const V64 (&x)[kEight]) {
  HWY_ALIGN double lane[8];
  for (int j = 0; j < kEight; ++j) hn::Store(x[j], D64(), lane + j * kWidth64);
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

// kScanLanes floats, added up in double.
struct ScanSum {
  static constexpr int kVectors = kScanLanes / kWidth32;
  V32 lane[kVectors];

  HWY_INLINE ScanSum() {
    for (V32& v : lane) v = hn::Zero(D32());
  }
  // Adds vectors of consecutive elements.
  template <int kCount>
  HWY_INLINE void Add(const V32 (&x)[kCount]) {
    for (int j = 0; j < kCount; ++j) lane[j % kVectors] = hn::Add(lane[j % kVectors], x[j]);
  }
  HWY_INLINE double Total() const {
    constexpr int kHalf = kScanLanes / 2;
    HWY_ALIGN float flat[kHalf];
    for (int j = 0; j < kVectors / 2; ++j) {
      hn::Store(hn::Add(lane[j], lane[j + kVectors / 2]), D32(), flat + j * kWidth32);
    }
    V64 wide[kEight];
    for (int j = 0; j < kEight; ++j) {
      const V64 low = hn::PromoteTo(D64(), hn::Load(DHalf(), flat + j * kWidth64));
      const V64 high = hn::PromoteTo(D64(), hn::Load(DHalf(), flat + j * kWidth64 + kHalf / 2));
      wide[j] = hn::Add(low, high);
    }
    return SumOfEight(wide);
  }
};

// kLanes doubles.
struct Sum {
  static constexpr int kVectors = kLanes / kWidth64;
  V64 lane[kVectors];

  HWY_INLINE Sum() {
    for (V64& v : lane) v = hn::Zero(D64());
  }
  template <int kCount>
  HWY_INLINE void Add(const V64 (&x)[kCount]) {
    for (int j = 0; j < kCount; ++j) lane[j % kVectors] = hn::Add(lane[j % kVectors], x[j]);
  }
  HWY_INLINE double Total() const {
    V64 half[kEight];
    for (int j = 0; j < kEight; ++j) half[j] = hn::Add(lane[j], lane[j + kEight]);
    return SumOfEight(half);
  }
};

}  // namespace boltzmann::core::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // BOLTZMANN_CORE_ARITHMETIC_INL_H_

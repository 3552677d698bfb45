package millrace.bench;

/** Sebastiano Vigna's splitmix64 (public domain): the same numbers on every machine. */
final class SplitMix64 {
  private long state;

  SplitMix64(long seed) {
    state = seed;
  }

  long next() {
    state += 0x9e3779b97f4a7c15L;
    long z = state;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  /** In [0, bound); the bias of the modulo is below 2^-32 for bounds that fit an int. */
  int below(int bound) {
    return (int) Long.remainderUnsigned(next(), bound);
  }

  /** In [0, 1), 53 bits. */
  double unit() {
    return (next() >>> 11) * 0x1.0p-53;
  }
}

package millrace.bench;

import java.util.Arrays;

/** Chooses the account of the next record. */
interface KeyChooser {
  int next(SplitMix64 random);

  /**
   * {@code uniform}; {@code zipf}, where the account of rank r has the weight 1/r; or {@code each},
   * every account once, in a random order, then again.
   */
  static KeyChooser of(String distribution, int keys, long seed) {
    return switch (distribution) {
      case "uniform" -> random -> random.below(keys);
      case "zipf" -> zipf(keys, seed);
      case "each" -> each(keys, seed);
      default -> throw new IllegalArgumentException("unknown distribution " + distribution);
    };
  }

  private static KeyChooser each(int keys, long seed) {
    int[] order = shuffled(keys, seed);
    int[] next = {0};
    return random -> order[next[0]++ % keys];
  }

  private static KeyChooser zipf(int keys, long seed) {
    double[] cumulative = new double[keys];
    double sum = 0;
    for (int i = 0; i < keys; i++) {
      sum += 1.0 / (i + 1);
      cumulative[i] = sum;
    }
    double total = sum;
    int[] accountOfRank = shuffled(keys, seed);
    return random -> {
      int found = Arrays.binarySearch(cumulative, random.unit() * total);
      int rank = found >= 0 ? found + 1 : -found - 1;
      return accountOfRank[Math.min(rank, keys - 1)];
    };
  }

  /** Shuffles accounts, so that hot ones are not neighbours in key order. */
  private static int[] shuffled(int count, long seed) {
    SplitMix64 random = new SplitMix64(seed ^ 0x5eedL);
    int[] numbers = new int[count];
    for (int i = 0; i < count; i++) {
      int other = random.below(i + 1);
      numbers[i] = numbers[other];
      numbers[other] = i;
    }
    return numbers;
  }
}

package millrace.bench.crm;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;

/** How far the tasks of this process are: the measuring thread looks at it. */
final class Progress {
  /** Records of raw and merge facts. */
  final AtomicLong inputs = new AtomicLong();
  /** Records sent to topics that the flow itself reads, less those it has processed. */
  final AtomicLong underWay = new AtomicLong();
  /** Transactions that have begun and not ended. */
  final AtomicLong openTransactions = new AtomicLong();
  /** Each tells whether a task has nothing left to derive. */
  final List<BooleanSupplier> tasks = new CopyOnWriteArrayList<>();

  boolean isDone(long wantedInputs) {
    return inputs.get() >= wantedInputs && underWay.get() == 0
        && tasks.stream().allMatch(BooleanSupplier::getAsBoolean);
  }
}

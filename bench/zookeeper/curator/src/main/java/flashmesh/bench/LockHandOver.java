package flashmesh.bench;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.retry.ExponentialBackoffRetry;

/**
 * Contenders, each a thread with a client of its own, take one InterProcessMutex in turn for a while; the same as `lock.ts` does.
 * Arguments: servers, path of the lock, contenders, milliseconds to warm up, to count, and to go on afterwards. One JSON object on
 * standard output.
 */
public final class LockHandOver {
  private static final int SESSION_TIMEOUT_MS = 30_000;

  private final AtomicInteger holders = new AtomicInteger();
  private final AtomicInteger lastHolder = new AtomicInteger(-1);
  private final LongAdder handOvers = new LongAdder();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private volatile boolean over;

  public static void main(String[] args) throws Exception {
    new LockHandOver().run(args[0], args[1], Integer.parseInt(args[2]), Long.parseLong(args[3]), Long.parseLong(args[4]),
        Long.parseLong(args[5]));
  }

  private void run(String servers, String path, int contenders, long warmUpMs, long measureMs, long afterMs) throws Exception {
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < contenders; i++) {
      int id = i;
      threads.add(new Thread(() -> contend(servers, path, id)));
    }
    for (Thread thread : threads) thread.start();
    var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    Thread.sleep(warmUpMs);
    long countBefore = handOvers.sum();
    long cpuBefore = system.getProcessCpuTime();
    long before = System.nanoTime();
    Thread.sleep(measureMs);
    long count = handOvers.sum() - countBefore;
    long cpuNs = system.getProcessCpuTime() - cpuBefore;
    double seconds = (System.nanoTime() - before) / 1e9;
    Thread.sleep(afterMs);
    over = true;
    for (Thread thread : threads) thread.join();
    if (failure.get() != null) throw new IllegalStateException(failure.get());
    System.out.printf("{\"handOvers\":%d,\"seconds\":%s,\"cpuUs\":%d,\"rssBytes\":%d}%n", count, seconds, cpuNs / 1000, residentBytes());
  }

  private void contend(String servers, String path, int id) {
    try (CuratorFramework client = CuratorFrameworkFactory.newClient(servers, SESSION_TIMEOUT_MS, SESSION_TIMEOUT_MS / 3,
        new ExponentialBackoffRetry(100, 3))) {
      client.start();
      InterProcessMutex mutex = new InterProcessMutex(client, path);
      while (!over) {
        mutex.acquire();
        if (holders.incrementAndGet() != 1) throw new IllegalStateException("two hold the lock");
        if (lastHolder.getAndSet(id) != id) handOvers.increment();
        holders.decrementAndGet();
        mutex.release();
      }
    } catch (Throwable error) {
      failure.compareAndSet(null, error);
      over = true;
    }
  }

  /** 0 where the system does not tell in /proc. */
  private static long residentBytes() throws Exception {
    Path status = Path.of("/proc/self/status");
    if (!Files.exists(status)) return 0;
    for (String line : Files.readAllLines(status)) {
      if (line.startsWith("VmRSS:")) return 1024 * Long.parseLong(line.replaceAll("\\D", ""));
    }
    return 0;
  }
}

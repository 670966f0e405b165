import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.retry.RetryForever;
import org.apache.curator.utils.ZKPaths;
import org.apache.zookeeper.CreateMode;

/**
 * A process that uses Curator's recipes on the nodes that ours use; the same requests and answers as kazoo/peer.py.
 *
 * <p>Usage: Peer SERVERS SESSION_TIMEOUT_SECONDS
 */
final class Peer {
  /** How to give back what is held. */
  private interface Held {
    void release() throws Exception;
  }

  private final CuratorFramework zk;
  private final Map<String, Held> held = new ConcurrentHashMap<>();
  /** Curator's locks belong to threads: whoever acquires one under a name gives it back on the same. */
  private final Map<String, ExecutorService> threads = new ConcurrentHashMap<>();

  private Peer(String servers, int timeoutMs) {
    zk = CuratorFrameworkFactory.newClient(servers, timeoutMs, timeoutMs, new RetryForever(100));
    zk.start();
  }

  public static void main(String[] args) throws Exception {
    Peer peer = new Peer(args[0], (int) (Double.parseDouble(args[1]) * 1000));
    var lines = new java.io.BufferedReader(new java.io.InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      Map<String, String> request = parse(line);
      String thread = request.getOrDefault("name", request.get("id"));
      peer.threads
          .computeIfAbsent(thread, name -> Executors.newSingleThreadExecutor())
          .execute(() -> peer.answer(request));
    }
    peer.zk.close();
    System.exit(0);
  }

  /** One flat object of texts without escapes, numbers and booleans: all that the spec sends. */
  private static Map<String, String> parse(String line) {
    Map<String, String> fields = new ConcurrentHashMap<>();
    Matcher matcher = Pattern.compile("\"(\\w+)\":(?:\"([^\"]*)\"|([^,}]*))").matcher(line);
    while (matcher.find()) fields.put(matcher.group(1), matcher.group(2) != null ? matcher.group(2) : matcher.group(3));
    return fields;
  }

  private void answer(Map<String, String> request) {
    String told;
    try {
      told = "\"answer\":" + work(request);
    } catch (Throwable error) {
      told = "\"error\":\"" + error.toString().replaceAll("[\"\\\\\\s]+", " ") + "\"";
    }
    synchronized (System.out) {
      System.out.println("{\"id\":" + request.get("id") + "," + told + "}");
      System.out.flush();
    }
  }

  private Object work(Map<String, String> request) throws Exception {
    String name = request.get("name");
    String path = request.get("path");
    switch (request.get("do")) {
      case "ready": {
        zk.blockUntilConnected();
        return true;
      }
      case "acquire": {
        InterProcessMutex lock = lockAt(path, request.getOrDefault("kind", "lock"));
        if ("false".equals(request.get("blocking"))) {
          if (!lock.acquire(0, TimeUnit.MILLISECONDS)) return null;
        } else lock.acquire();
        held.put(name, lock::release);
        // Who holds it is the first in line; among readers it may be another.
        return '"' + ZKPaths.getNodeFromPath(lock.getParticipantNodes().iterator().next()) + '"';
      }
      case "lease": {
        InterProcessSemaphoreV2 semaphore =
            new InterProcessSemaphoreV2(zk, path, Integer.parseInt(request.get("leases")));
        Lease lease = semaphore.acquire();
        held.put(name, lease::close);
        return true;
      }
      case "lead": {
        LeaderLatch latch = new LeaderLatch(zk, path, request.get("identifier"));
        latch.start();
        latch.await();
        held.put(name, latch::close);
        return true;
      }
      case "release": {
        held.remove(name).release();
        return true;
      }
      case "enter": {
        InterProcessMutex lock = lockAt(path, "lock");
        int times = Integer.parseInt(request.get("times"));
        for (int i = 0; i < times; i++) {
          lock.acquire();
          zk.create().withMode(CreateMode.EPHEMERAL).forPath(request.get("room"));
          zk.delete().forPath(request.get("room"));
          lock.release();
        }
        return times;
      }
      default:
        throw new IllegalArgumentException(request.get("do"));
    }
  }

  private InterProcessMutex lockAt(String path, String kind) {
    switch (kind) {
      case "read":
        return new InterProcessReadWriteLock(zk, path).readLock();
      case "write":
        return new InterProcessReadWriteLock(zk, path).writeLock();
      default:
        return new InterProcessMutex(zk, path);
    }
  }
}

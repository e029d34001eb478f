import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Future;
import net.spy.memcached.AddrUtil;
import net.spy.memcached.CASResponse;
import net.spy.memcached.CASValue;
import net.spy.memcached.ConnectionFactoryBuilder;
import net.spy.memcached.FailureMode;
import net.spy.memcached.MemcachedClient;

/**
 * Spymemcached on the nodes of a pair; each line of the input is a question.
 *
 * <p>usage: Spymemcached.java TEXT|BINARY NODE NODE
 */
public class Spymemcached {
  static MemcachedClient cache;

  static String yes(Future<Boolean> answer) throws Exception {
    return answer.get() ? "yes" : "no";
  }

  static String text(Object value) {
    return value == null ? "none" : value.toString();
  }

  static void calls() throws Exception {
    System.out.println("set " + yes(cache.set("k", 0, "1")));
    System.out.println("get " + text(cache.get("k")));
    System.out.println("get-missing " + text(cache.get("missing")));
    System.out.println("add " + yes(cache.add("added", 0, "1")));
    System.out.println("add-again " + yes(cache.add("added", 0, "2")));
    System.out.println("replace " + yes(cache.replace("k", 0, "2")));
    System.out.println("replace-missing " + yes(cache.replace("missing", 0, "2")));
    cache.append("k", "end").get();
    cache.prepend("k", "start").get();
    System.out.println("append-prepend " + text(cache.get("k")));
    CASValue<Object> seen = cache.gets("k");
    System.out.println("cas " + (cache.cas("k", seen.getCas(), seen.getValue() + "!") == CASResponse.OK ? "yes" : "no"));
    System.out.println("cas-stale " + (cache.cas("k", seen.getCas(), "stale") == CASResponse.OK ? "yes" : "no"));
    System.out.println("cas-value " + text(cache.get("k")));
    cache.set("n", 0, "40").get();
    System.out.println("incr " + cache.incr("n", 5));
    System.out.println("decr " + cache.decr("n", 2));
    System.out.println("decr-floor " + cache.decr("n", 100));
    long none = cache.incr("missing", 1);
    System.out.println("incr-missing " + (none == -1 ? "none" : none));
    System.out.println("touch " + yes(cache.touch("k", 1000)));
    System.out.println("touch-missing " + yes(cache.touch("missing", 1000)));
    System.out.println("delete " + yes(cache.delete("k")));
    System.out.println("delete-missing " + yes(cache.delete("k")));
    List<Future<Boolean>> several = new ArrayList<>();
    for (int i = 1; i <= 3; i++) {
      several.add(cache.set("m" + i, 0, "" + i));
    }
    int stored = 0;
    for (Future<Boolean> answer : several) {
      stored += answer.get() ? 1 : 0;
    }
    System.out.println("set-several " + (stored == 3 ? "yes" : "no"));
    Map<String, Object> got = new TreeMap<>(cache.getBulk("m1", "m2", "m3", "missing"));
    System.out.println("get-several " + got.toString().replaceAll("[{},]", ""));
    byte[] bytes = new byte[256];
    for (int i = 0; i < 256; i++) {
      bytes[i] = (byte) i;
    }
    cache.set("bytes", 0, bytes).get();
    System.out.println("bytes " + (Arrays.equals(bytes, (byte[]) cache.get("bytes")) ? "yes" : "no"));
    String large = String.join("", Collections.nCopies(900000, "x"));
    cache.set("large", 0, large).get();
    System.out.println("large " + (large.equals(cache.get("large")) ? "yes" : "no"));
  }

  static void put(String prefix, int n) {
    int stored = 0;
    for (int i = 0; i < n; i++) {
      try {
        stored += cache.set(prefix + i, 0, "value of " + prefix + i).get() ? 1 : 0;
      } catch (Exception e) { // of the connection that died
        System.err.println(e);
      }
    }
    System.out.println("stored " + stored);
  }

  static void have(String prefix, int n) {
    int found = 0;
    for (int i = 0; i < n; i++) {
      try {
        Object value = cache.get(prefix + i);
        if (("value of " + prefix + i).equals(value)) {
          found++;
        } else if (value != null) {
          System.out.println("wrong " + prefix + i + " " + value);
        }
      } catch (RuntimeException e) {
        System.err.println(e);
      }
    }
    System.out.println("found " + found);
  }

  public static void main(String[] args) throws Exception {
    System.setProperty("net.spy.log.LoggerImpl", "net.spy.memcached.compat.log.SunLogger");
    java.util.logging.Logger.getLogger("net.spy.memcached").setLevel(java.util.logging.Level.SEVERE);
    cache =
        new MemcachedClient(
            new ConnectionFactoryBuilder()
                .setProtocol(ConnectionFactoryBuilder.Protocol.valueOf(args[0]))
                .setFailureMode(FailureMode.Redistribute) // the default: keys go to the other node
                .setMaxReconnectDelay(1) // seconds
                .setOpTimeout(10000) // ms
                .build(),
            AddrUtil.getAddresses(Arrays.asList(args).subList(1, args.length)));
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] words = line.split(" ");
      switch (words[0]) {
        case "calls" -> calls();
        case "put" -> put(words[1], Integer.parseInt(words[2]));
        case "have" -> have(words[1], Integer.parseInt(words[2]));
        case "flush" -> cache.flush().get();
      }
      System.out.println("done");
    }
    cache.shutdown();
  }
}

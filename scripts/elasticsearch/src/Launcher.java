package weft;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * Runs one node in this JVM: Launcher HOME key=value…
 *
 * Elasticsearch's own main class wants native helpers, x-pack and a keystore,
 * which are not published as jars.
 */
public final class Launcher {
  private Launcher() {}

  public static void main(String[] args) throws Exception {
    Path home = Path.of(args[0]).toAbsolutePath();
    Map<String, String> settings = new HashMap<>();
    settings.put("path.home", home.toString());
    for (int i = 1; i < args.length; i++) {
      String[] pair = args[i].split("=", 2);
      settings.put(pair[0], pair[1]);
    }
    LogConfigurator.configureESLogging(); // before any class that logs
    Environment environment =
        InternalSettingsPreparer.prepareEnvironment(Settings.EMPTY, settings, home.resolve("config"), () -> "weft");
    LogConfigurator.setNodeName("weft");
    LogConfigurator.registerErrorListener();
    LogConfigurator.configure(environment, true);
    Node node =
        new Node(
            environment,
            PluginsLoader.createPluginsLoader(
                PluginsLoader.loadModulesBundles(environment.modulesDir()),
                PluginsLoader.loadPluginsBundles(environment.pluginsDir()),
                Map.of()));
    CountDownLatch closed = new CountDownLatch(1);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> close(node, closed)));
    node.start();
    closed.await();
  }

  private static void close(Node node, CountDownLatch closed) {
    try {
      node.close();
    } catch (Exception e) {
      e.printStackTrace();
    } finally {
      closed.countDown();
    }
  }
}

// SPDX-License-Identifier: MIT
package rbtoken;

import com.sun.jna.Native;
import java.io.IOException;
import java.lang.reflect.Method;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** Programs that tests run in a process of their own, since they end it. */
public final class Programs {
    private static final long DEADLINE_SECONDS = 120;

    private Programs() {}

    /** What a program did. */
    record Ended(int status, String output) {}

    /** Runs a program. */
    static Ended run(Path folder, List<String> options, String... arguments)
            throws IOException, InterruptedException {
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        List<String> command = new ArrayList<>(List.of(java.toString()));
        command.addAll(options);
        command.add("-D" + LibraryFile.PROPERTY + "="
                + System.getProperty(LibraryFile.PROPERTY, ""));
        command.addAll(List.of("-cp", classPath(), Programs.class.getName()));
        command.addAll(Arrays.asList(arguments));
        Path output = folder.resolve("output");
        ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile())
                .redirectErrorStream(true).redirectOutput(output.toFile());
        builder.environment().put("JAVA_TOOL_OPTIONS", "");
        Process process = builder.start();
        if (!process.waitFor(DEADLINE_SECONDS, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new AssertionError("hangs: " + command + "\n" + Files.readString(output));
        }
        String printed = Files.readString(output, StandardCharsets.UTF_8);
        // Newer versions of Java warn of native code.
        String own = String.join("\n", printed.lines()
                .filter(it -> !it.matches("(WARNING: |Picked up ).*|")).toList());
        return new Ended(process.exitValue(), own);
    }

    /** Returns the class path, also if the tests run in a module. */
    private static String classPath() {
        List<String> paths = new ArrayList<>();
        for (Class<?> type : List.of(Programs.class, Store.class, Native.class)) {
            String name = "/" + type.getName().replace('.', '/') + ".class";
            String url = type.getResource(name).toString();
            String root = url.substring(0, url.length() - name.length());
            root = root.startsWith("jar:") ? root.substring(4, root.length() - 1) : root;
            paths.add(Path.of(URI.create(root)).toString());
        }
        return String.join(":", paths);
    }

    /** Starts daemon threads that make calls with callbacks, and returns when all do. */
    private static void beBusy(Store store) throws InterruptedException {
        store.addHooks(new Hooks()
                .onCreated((its, token, auto) -> its.tokenCount())
                .onUsed((its, token) -> token.user()));
        int threads = 4;
        CountDownLatch started = new CountDownLatch(threads * 20);
        for (int index = 0; index < threads; index++) {
            Thread thread = new Thread(() -> {
                while (true) {
                    try (Token token = store.generateToken("alice");
                            Login login = store.authenticate(token.value())) {
                        started.countDown();
                    } catch (ClosedException e) {
                        return;
                    }
                }
            });
            thread.setDaemon(true);
            thread.start();
        }
        started.await();
    }

    private static Store busyStore() {
        Store store = Store.open(new StoreOptions().clock(Clock.systemUTC()));
        store.addGenerator("mine", new TokenGenerator() {
            private final AtomicLong made = new AtomicLong();

            @Override
            public String create(String tokenType, int attempt) {
                return tokenType + made.incrementAndGet();
            }

            @Override
            public boolean validate(String tokenType, String value) {
                return true;
            }
        });
        store.setDefaultGenerator("mine");
        return store;
    }

    /** Logs in with many virtual threads that then live on, with a hook that waits. */
    private static void useVirtualThreads() throws Exception {
        Method start;
        try {
            start = Thread.class.getMethod("startVirtualThread", Runnable.class);
        } catch (NoSuchMethodException e) {
            System.out.println("none");
            return;
        }
        int threads = 5000;
        AtomicLong events = new AtomicLong();
        AtomicLong accepted = new AtomicLong();
        CountDownLatch ended = new CountDownLatch(threads);
        CountDownLatch end = new CountDownLatch(1);
        try (Store store = Store.open(); Token token = store.generateToken("alice")) {
            store.addHooks(new Hooks().onUsed((its, used) -> {
                Thread.yield();
                events.addAndGet(its.tokenCount());
            }));
            for (int index = 0; index < threads; index++) {
                start.invoke(null, (Runnable) () -> {
                    try (Login login = store.authenticate(token.value())) {
                        if (login.token().orElseThrow().user().equals("alice")) {
                            accepted.incrementAndGet();
                        }
                    } finally {
                        ended.countDown();
                    }
                    try {
                        end.await();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                });
            }
            ended.await();
        }
        end.countDown();
        System.out.println(accepted + " " + events);
    }

    /**
     * Runs a program.
     *
     * @param arguments the name of the program, and its arguments
     * @throws Exception if it fails
     */
    public static void main(String[] arguments) throws Exception {
        switch (arguments[0]) {
            case "exit" -> {
                beBusy(busyStore());
                System.exit(7);
            }
            case "exit-file" -> {
                Store store = Store.open(Path.of("tokens.db"));
                beBusy(store);
                System.exit(7);
            }
            case "halt" -> {
                beBusy(busyStore());
                Runtime.getRuntime().halt(8);
            }
            case "daemons" -> beBusy(busyStore());
            case "uncaught" -> {
                beBusy(busyStore());
                throw new IllegalStateException("uncaught");
            }
            case "exit-in-callback" -> {
                Store store = busyStore();
                store.addHooks(new Hooks().onCreated((its, token, auto) -> System.exit(9)));
                store.generateToken("alice");
            }
            case "halt-in-callback" -> {
                Store store = busyStore();
                store.addHooks(new Hooks().onCreated((its, token, auto) ->
                        Runtime.getRuntime().halt(9)));
                store.generateToken("alice");
            }
            case "hook-at-exit" -> {
                Store store = busyStore();
                beBusy(store);
                Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                    try (Token token = store.generateToken("bob")) {
                        System.out.println(token.user());
                    }
                    store.close();
                }));
                System.exit(0);
            }
            case "left-open" -> {
                Store store = busyStore();
                store.addHooks(new Hooks().onCreated((its, token, auto) -> { }));
                Instance instance = Instance.create(
                        new InstanceOptions().log((level, target, message) -> { }));
                instance.initialize();
                List<Object> kept = List.of(store, store.generateToken("alice"),
                        store.listTokens(), Policy.parse("{}"), new ServiceAccount("bot"),
                        instance, instance.store(), Store.open(Path.of("tokens.db")));
                System.out.println(kept.size());
            }
            case "resource" -> {
                System.clearProperty(LibraryFile.PROPERTY);
                System.out.println(Rbtoken.version());
            }
            case "missing-library" -> {
                System.setProperty(LibraryFile.PROPERTY, "/nonexistent/librbtoken.so");
                Store.open();
            }
            case "wrong-library" -> {
                System.setProperty(LibraryFile.PROPERTY, "libc.so.6");
                Store.open();
            }
            case "virtual-threads" -> useVirtualThreads();
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }
}

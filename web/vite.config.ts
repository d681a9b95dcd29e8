import { cpSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vitest/config";

const root = dirname(fileURLToPath(import.meta.url));
const outDir = resolve(root, process.env.HERON_WEB_OUT ?? "../build/web");
const backend = process.env.HERON_BACKEND ?? "http://127.0.0.1:5000";

/** Puts Swagger UI's own files beside public/docs/index.html, for /api/docs. */
function swaggerUi(): Plugin {
  const files = ["swagger-ui.css", "swagger-ui-bundle.js"];
  return {
    name: "heron-swagger-ui",
    apply: "build",
    closeBundle() {
      const from = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
      mkdirSync(resolve(outDir, "docs"), { recursive: true });
      for (const file of files) cpSync(resolve(from, file), resolve(outDir, "docs", file));
    },
  };
}

export default defineConfig({
  root,
  plugins: [react(), tailwindcss(), swaggerUi()],
  resolve: { alias: { "@": resolve(root, "src") } },
  build: {
    outDir,
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 700,
    rollupOptions: {
      output: {
        manualChunks: { react: ["react", "react-dom", "react-router-dom"], hls: ["hls.js"] },
      },
    },
  },
  server: {
    proxy: Object.fromEntries(
      ["/api", "/health", "/status", "/workers", "/metrics", "/ws"].map((path) => [
        path,
        { target: backend, ws: true },
      ]),
    ),
  },
  test: {
    environment: "jsdom",
    globals: false,
    setupFiles: ["tests/setup.ts"],
    css: false,
    testTimeout: 15_000,
    coverage: {
      provider: "v8",
      reporter: ["text-summary", "lcov"],
      include: ["src/**/*.{ts,tsx}"],
      exclude: ["src/main.tsx", "src/**/*.d.ts", "src/**/*.test.{ts,tsx}"],
      thresholds: { lines: 80 },
    },
  },
});

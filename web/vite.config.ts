import { svelte } from '@sveltejs/vite-plugin-svelte'
import { loadEnv } from 'vite'
import { defineConfig } from 'vitest/config'

export default defineConfig(({ mode }) => {
  // `npm run dev` shows the board of a server that runs elsewhere.
  const server = loadEnv(mode, '.', 'LEDGERLINE_')['LEDGERLINE_URL'] ?? 'http://127.0.0.1:8080'
  return {
    plugins: [svelte({ configFile: false })],
    build: {
      target: 'es2022',
      // The content security policy forbids data: URLs.
      assetsInlineLimit: 0,
    },
    server: { proxy: { '/api': server } },
    test: { include: ['src/**/*.test.ts'] },
  }
})

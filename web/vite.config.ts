import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// The Go program serves the app below /app/, and the API beside it: `npm run dev`
// asks a `weft up` at its usual address.
export default defineConfig({
  base: '/app/',
  plugins: [react()],
  build: { manifest: true, assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false, chunkSizeWarningLimit: 2000 },
  server: { proxy: { '/v1': process.env.WEFT_API ?? 'http://127.0.0.1:8080' } },
});

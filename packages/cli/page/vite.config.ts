/** Builds the page of the console: one script and one style sheet, with relative addresses, so that it can be mounted anywhere. */
import { defineConfig } from 'vite'

export default defineConfig({
  base: './',
  build: { target: 'es2022', modulePreload: false, assetsInlineLimit: 0 },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
})

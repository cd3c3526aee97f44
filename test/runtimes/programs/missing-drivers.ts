/** A process in a project that has installed no driver. */
import { openStore } from '../open-store.ts'

const report: Record<string, unknown> = {}
for (const kind of ['pg', 'pglite', 'dynamodb'] as const) {
  const { store } = await openStore(kind, {
    url: kind === 'pg' ? 'postgres://localhost/shop' : 'http://localhost:1',
  })
  report[kind] = await store.readStream('a').then(
    () => 'no error',
    ({ code, driver }) => [code, driver],
  )
  await store.close()
}
console.log(JSON.stringify({ report, doneAt: Date.now() }))

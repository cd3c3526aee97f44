/**
 * A process that opens stores at wrong addresses: at one nothing listens, at the other one something accepts connections and
 * never answers. It prints the code of each error and the time until it came, closes the stores, and does not call
 * `process.exit`.
 */
import { type Kind, openStore } from '../open-store.ts'

const [closedPort, silentPort, timeout] = process.argv.slice(2)
const report: Record<string, { readonly code: unknown; readonly time: number }> = {}
for (const kind of ['pg', 'postgres-js', 'dynamodb'] satisfies Kind[]) {
  for (const [name, port] of [
    ['closed', closedPort],
    ['silent', silentPort],
  ] as const) {
    const url =
      kind === 'dynamodb' ? `http://127.0.0.1:${port}` : `postgres://user:secret@127.0.0.1:${port}/shop`
    const { store, end } = await openStore(kind, { url, timeout: Number(timeout) })
    const started = performance.now()
    const code = await store.readStream('a').then(
      () => 'no error',
      (error) => error.code ?? String(error),
    )
    report[`${kind} ${name}`] = { code, time: Math.round(performance.now() - started) }
    await store.close()
    await end()
  }
}
console.log(JSON.stringify({ report, doneAt: Date.now() }))

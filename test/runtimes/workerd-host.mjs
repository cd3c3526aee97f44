/** Runs a Worker in workerd until its standard input ends. It needs Node.js 22, as Miniflare does. */
import { readFileSync } from 'node:fs'
import { Miniflare } from 'miniflare'

const [file, compatibilityDate, databaseUrl] = process.argv.slice(2)
const miniflare = new Miniflare({
  modules: [{ type: 'ESModule', path: 'worker.mjs', contents: readFileSync(file, 'utf8') }],
  compatibilityDate,
  compatibilityFlags: ['nodejs_compat'],
  // Serves /cdn-cgi/handler/scheduled, which starts a cron trigger.
  unsafeTriggerHandlers: true,
  hyperdrives: databaseUrl === undefined ? {} : { HYPERDRIVE: databaseUrl },
})
console.log(JSON.stringify({ url: String(await miniflare.ready) }))
process.stdin.resume()
process.stdin.once('end', () => miniflare.dispose())

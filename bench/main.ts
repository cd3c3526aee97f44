/** `npm run bench`: runs the chosen cases, and reports their figures. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readArguments } from './arguments.ts'
import type { Case } from './case.ts'
import { allCases } from './cases/all.ts'
import { installPeers } from './contestants/peers.ts'
import { DatabaseServer } from './database-server.ts'
import { EmulatorServer } from './emulator-server.ts'
import { describeRun } from './heading.ts'
import { Network } from './network.ts'
import { drawPlots } from './plots.ts'
import { recordRun } from './record.ts'
import { headLine } from './report.ts'
import { runCases } from './run-cases.ts'
import type { Server } from './server.ts'

const wanted = readArguments(process.argv.slice(2), allCases)
// The emulators end with this process.
const emulators = new EmulatorServer()
let server: DatabaseServer | undefined
let network: Network | undefined
const ending = new AbortController()

async function end(code: number): Promise<never> {
  ending.abort()
  network?.stop()
  await server?.stop()
  process.exit(code)
}

function serverOf({ group }: Case): Server {
  const found = group === 'dynamodb' ? emulators : server
  if (found === undefined) throw new Error('No Postgres server was started, but a case needs one')
  return found
}

function fail(error: unknown): void {
  // Operations that still run when the server stops fail, and nothing waits for them.
  if (ending.signal.aborted) return
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  void end(1)
}

process.once('SIGINT', () => end(130))
process.once('SIGTERM', () => end(143))
process.on('uncaughtException', fail)

try {
  await installPeers((line) => process.stderr.write(`${line}\n`))
  if (wanted.cases.some(({ group }) => group !== 'dynamodb')) {
    server = await DatabaseServer.start(process.env.EVENTSOURCED_BENCH_POSTGRES_URL)
    if (wanted.cases.some(({ group }) => group === 'network')) network = await Network.start(server.url)
  }
  const heading = await describeRun(server, network, wanted)
  process.stdout.write(`${heading.join('\n')}\n\n${headLine()}\n`)

  const results = await runCases(wanted, serverOf, network, ending.signal)
  if (wanted.json !== undefined) await writeFile(wanted.json, `${JSON.stringify(results, undefined, 2)}\n`)
  if (wanted.plots) await drawPlots(join(import.meta.dirname, 'plots'), results, heading)
  if (wanted.record) await recordRun(join(import.meta.dirname, 'README.md'), heading, wanted.cases, results)

  const missed = results.filter(({ ok }) => ok === false).length
  const failed = results.filter(({ failed }) => failed).length
  process.stdout.write(`\n${results.length} cases, ${missed} below their target, ${failed} failed\n`)
  await end(failed > 0 || (wanted.check && missed > 0) ? 1 : 0)
} catch (error) {
  fail(error)
}

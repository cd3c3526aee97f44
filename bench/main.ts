/** `npm run bench`: runs the cases that were asked for, and reports. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readArguments } from './arguments.ts'
import { allCases } from './cases/all.ts'
import { installPeers } from './contestants/peers.ts'
import { DatabaseServer } from './database-server.ts'
import { describeRun } from './heading.ts'
import { Network } from './network.ts'
import { drawPlots } from './plots.ts'
import { showProgress } from './progress.ts'
import { recordRun } from './record.ts'
import { headLine, resultLine } from './report.ts'
import { type Result, skippedResult } from './result.ts'
import { runCase } from './run-case.ts'

const wanted = readArguments(process.argv.slice(2), allCases)
await installPeers((line) => process.stderr.write(`${line}\n`))
const server = await DatabaseServer.start(process.env.EVENTSOURCED_BENCH_POSTGRES_URL)

let network: Network | undefined
let ended = false
async function end(code: number): Promise<never> {
  ended = true
  network?.stop()
  await server.stop()
  process.exit(code)
}
process.once('SIGINT', () => end(130))
process.once('SIGTERM', () => end(143))
// What still runs when the server is taken away fails, and nobody waits for it any more.
process.on('uncaughtException', (error) => {
  if (ended) return
  process.stderr.write(`${error.stack}\n`)
  void end(1)
})

if (wanted.cases.some(({ group }) => group === 'network')) network = await Network.start(server.url)
const roundsOf = (own: number | undefined) => wanted.rounds ?? own ?? (wanted.quick ? 3 : 5)
const turns = wanted.cases.map(({ rounds, peer }) => (roundsOf(rounds) + 1) * (peer === undefined ? 1 : 2))
const heading = await describeRun(server)
if (network !== undefined) heading.push(`network: adds ${network.addedTime.toFixed(2)} ms to a round trip`)
process.stdout.write(`${heading.join('\n')}\n\n${headLine()}\n`)
const progress = showProgress(turns.reduce((sum, count) => sum + count, 0))
const results: Result[] = []
let failures = 0
for (const bench of wanted.cases) {
  const obstacle = bench.obstacle?.()
  if (obstacle !== undefined) {
    results.push(skippedResult(bench, obstacle))
  } else {
    progress.begin(bench.name)
    try {
      results.push(
        await runCase(bench, server, {
          rounds: roundsOf(bench.rounds),
          seconds: wanted.quick ? 1 : 2,
          quick: wanted.quick,
          network: bench.group === 'network' ? network : undefined,
          onTurn: progress.turn,
        }),
      )
    } catch (error) {
      failures++
      results.push(skippedResult(bench, `it failed: ${error instanceof Error ? error.message : error}`))
    }
  }
  const result = results.at(-1)
  if (result !== undefined) progress.print(resultLine(result))
}
progress.stop()

if (wanted.json !== undefined) await writeFile(wanted.json, `${JSON.stringify(results, undefined, 2)}\n`)
if (wanted.plots) await drawPlots(join(import.meta.dirname, 'plots'), results, heading)
if (wanted.record) await recordRun(join(import.meta.dirname, 'README.md'), heading, wanted.cases, results)
const missed = results.filter(({ ok }) => ok === false)
process.stdout.write(`\n${results.length} cases, ${missed.length} below their target, ${failures} failed\n`)
await end(failures > 0 || (wanted.check && missed.length > 0) ? 1 : 0)

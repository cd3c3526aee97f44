/** `npm run torture`: runs one campaign, and prints its seed and its verdict. */
import { readArguments } from './arguments.ts'
import { type CampaignResult, runCampaign } from './campaign.ts'
import { findingKinds } from './check/findings.ts'
import { faultsAsText, showProgress } from './progress.ts'

const options = readArguments(process.argv.slice(2))
const { store, scenario, seconds, seed } = options
console.log(`${store}, scenario ${scenario.name} (${scenario.about}), ${seconds} s, seed ${seed}`)
const progress = showProgress()
// When this process exits, its databases and its files are removed.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
try {
  const result = await runCampaign({ ...options, onProgress: (one) => progress.update(one) })
  progress.stop()
  print(result)
  process.exitCode = result.findings.isClean ? 0 : 1
} catch (error) {
  progress.stop()
  console.error('The campaign did not end:', error)
  process.exitCode = 1
}
// Started servers leave timers and sockets behind, which would keep this process alive.
process.exit()

function print(result: CampaignResult): void {
  const { appended, findings, operations, unknownButDone, splits, snapshots, handledAgain, longestPause } =
    result
  const { ok, failed, unknown } = operations
  console.log(
    `${result.database}: ${(appended / result.seconds).toFixed(0)} events/s in ${result.seconds.toFixed(0)} s`,
  )
  console.log(
    `operations: ${ok} ok, ${failed} refused, ${unknown} unknown (${unknownButDone} of them happened)`,
  )
  console.log(`events split on reading: ${splits}; states folded from a snapshot: ${snapshots}`)
  console.log(
    `events handled again after a crash: ${handledAgain}; longest time without an acknowledgement: ${(longestPause / 1e6).toFixed(1)} s`,
  )
  console.log(`faults: ${faultsAsText(result.faults) || 'none'}`)
  for (const example of findings.examples) console.log(`  ${example}`)
  const columns = [
    ['appended', appended],
    ...findingKinds.map((kind) => [kind, findings.counts[kind]]),
  ] as const
  const width = (name: unknown, count: unknown) => Math.max(String(name).length, String(count).length)
  console.log(columns.map(([name, count]) => String(name).padStart(width(name, count))).join('  '))
  console.log(columns.map(([name, count]) => String(count).padStart(width(name, count))).join('  '))
}

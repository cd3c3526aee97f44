/** `npm run torture`: one campaign, its verdict, and how to repeat it. */
import { readArguments } from './arguments.ts'
import { type CampaignResult, runCampaign } from './campaign.ts'
import { faults } from './check/findings.ts'
import { faultsAsText, showProgress } from './progress.ts'

const options = readArguments(process.argv.slice(2))
const { store, scenario, seconds, seed } = options
console.log(`${store}, scenario ${scenario.name} (${scenario.about}), ${seconds} s, seed ${seed}`)
const progress = showProgress()
// What was started and written goes with the process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
try {
  const result = await runCampaign({ ...options, onProgress: (one) => progress.update(one) })
  progress.stop()
  print(result)
  process.exitCode = result.findings.isClean ? 0 : 1
} catch (error) {
  progress.stop()
  console.error('The campaign did not come to its end:', error)
  process.exitCode = 1
}
// Servers that were started leave timers and sockets behind.
process.exit()

function print(result: CampaignResult): void {
  const { appended, findings, operations, unknownButDone, handledAgain, longestPause } = result
  const { ok, failed, unknown } = operations
  console.log(
    `${result.database}: ${(appended / result.seconds).toFixed(0)} events/s in ${result.seconds.toFixed(0)} s`,
  )
  console.log(
    `operations: ${ok} ok, ${failed} failed, ${unknown} unknown, of which ${unknownButDone} were done`,
  )
  console.log(
    `handled again after a crash: ${handledAgain}; longest time without an acknowledgement: ${(longestPause / 1e6).toFixed(1)} s`,
  )
  console.log(`what happened: ${faultsAsText(result.faults) || 'nothing'}`)
  for (const example of findings.examples) console.log(`  ${example}`)
  const columns = [['appended', appended], ...faults.map((fault) => [fault, findings.counts[fault]])] as const
  const width = (name: unknown, count: unknown) => Math.max(String(name).length, String(count).length)
  console.log(columns.map(([name, count]) => String(name).padStart(width(name, count))).join('  '))
  console.log(columns.map(([name, count]) => String(count).padStart(width(name, count))).join('  '))
}

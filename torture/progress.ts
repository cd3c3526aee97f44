/** Shows the progress of a campaign: a bar on a terminal, and otherwise a line every ten seconds. */
import { SingleBar } from 'cli-progress'
import type { CampaignProgress } from './campaign.ts'

export interface ProgressDisplay {
  update(progress: CampaignProgress): void
  stop(): void
}

export const faultsAsText = (faults: ReadonlyMap<string, number>): string =>
  [...faults].map(([what, count]) => `${count.toLocaleString('en')} ${what}`).join(' · ')

export function showProgress(): ProgressDisplay {
  return process.stderr.isTTY ? bar() : lines()
}

function bar(): ProgressDisplay {
  const single = new SingleBar({
    stream: process.stderr,
    format: '{bar} {phase}  {appended} appended  {followed} followed  {faults}',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
  })
  single.start(1, 0, { phase: 'starting', appended: 0, followed: 0, faults: '' })
  return {
    update: ({ share, faults, ...rest }) => single.update(share, { ...rest, faults: faultsAsText(faults) }),
    stop: () => single.stop(),
  }
}

function lines(): ProgressDisplay {
  const begin = performance.now()
  let next = 10
  return {
    update({ phase, appended, followed, faults }) {
      const seconds = (performance.now() - begin) / 1000
      if (phase === 'running' && seconds < next) return
      next = seconds + 10
      const what = [phase, `${appended} appended`, `${followed} followed`, faultsAsText(faults)]
      process.stderr.write(`${seconds.toFixed(0).padStart(5)} s  ${what.join('  ')}\n`)
    },
    stop() {},
  }
}

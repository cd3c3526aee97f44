/** A campaign on a store that is broken on purpose must fail. This shows that the checker finds such faults. */
import { describe, expect, it } from 'vitest'
import type { Breakage } from '../../torture/breakages.ts'
import { runCampaign } from '../../torture/campaign.ts'
import type { FindingKind } from '../../torture/check/findings.ts'
import { scenariosOf } from '../../torture/scenarios.ts'

/** How the store is broken, in which campaign that shows, and which finding the checker must report. */
const caught: readonly (readonly [Breakage, scenario: string, FindingKind])[] = [
  ['naive-reader', 'slow', 'skipped'],
  ['retry-without-ids', 'ambiguous', 'duplicated'],
  ['checkpoint-before-handler', 'kill', 'skipped'],
  ['unfenced-lease', 'calm', 'duplicated'],
  ['no-stream-lock', 'calm', 'out-of-order'],
  ['changed-snapshot', 'calm', 'stale'],
]

async function resultOf(breakage: Breakage, name: string) {
  const scenario = scenariosOf('postgres').find((one) => one.name === name)
  if (scenario === undefined) throw new Error(`There is no scenario ${name}`)
  const seed = Math.floor(Math.random() * 1_000_000)
  return runCampaign({
    ...{ store: 'postgres', emulator: 'dynoxide', scenario, seconds: 10, seed, breakage, patience: 60 },
    ...{ writers: 3, followers: 2, subscriptions: 3, atOnce: 6, batch: 6 },
  })
}

describe('stores that are broken on purpose', () => {
  it.each(caught)(
    '%s, in the campaign %s, is found as %s',
    { timeout: 180_000 },
    async (breakage, name, fault) => {
      let found = 0
      // On a busy machine, one campaign makes few calls and may have no fault. Three campaigns are enough.
      for (let campaign = 0; campaign < 3 && found === 0; campaign++) {
        found = (await resultOf(breakage, name)).findings.counts[fault]
      }
      expect(found).toBeGreaterThan(0)
    },
  )

  it('stolen leases alone cause no fault, because the fencing tokens protect the checkpoints', {
    timeout: 180_000,
  }, async () => {
    const { appended, handledAgain, findings } = await resultOf('stolen-leases', 'calm')
    expect(findings.isClean, findings.examples.join('\n')).toBe(true)
    expect(appended).toBeGreaterThan(0)
    // In a calm campaign, a stolen lease is the only reason to handle an event again.
    expect(handledAgain).toBeGreaterThan(0)
  })
})

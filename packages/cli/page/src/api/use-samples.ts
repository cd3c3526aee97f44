/** The samples of the last ten minutes, one for each second in which a page was open. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Sample } from '../../../src/console/shapes/store.ts'
import { useLive } from './use-live.ts'

const kept = 600

/** Samples that come together, as the history does, are shown together. */
const pause = 100

/** In order of time. Empty until the console has sent the first one. */
export function useSamples(): readonly Sample[] {
  const [samples, setSamples] = useState<readonly Sample[]>([])
  const arrived = useRef<Sample[]>([])
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  useLive<Sample>('samples', {}, 'sample', (sample) => {
    arrived.current.push(sample)
    timer.current ??= setTimeout(() => {
      timer.current = undefined
      const batch = arrived.current
      arrived.current = []
      setSamples((last) => joined(last, batch))
    }, pause)
  })
  return samples
}

/** After a cut, the console sends its history again. */
function joined(last: readonly Sample[], batch: readonly Sample[]): readonly Sample[] {
  const all = [...last]
  for (const sample of batch) if (sample.at > (all.at(-1)?.at ?? '')) all.push(sample)
  return all.slice(-kept)
}

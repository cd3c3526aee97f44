/** Retries or skips the chosen events, or all that match the filter. */
import { ActionButton } from '../../parts/action-button.tsx'
import { counted, digits } from '../../parts/number.ts'
import { type Filter, isFiltered } from './filter.ts'

interface SettleProps {
  readonly subscription: string
  /** The positions of the chosen events. */
  readonly selected: readonly number[]
  readonly filter: Filter
  /** `isAll`: the count is that of the whole list, not of this page. */
  readonly matching: { readonly count: number; readonly isAll: boolean }
  readonly done: (text: string) => void
}

export interface Settled {
  readonly count: number
  readonly missing: readonly number[]
}

export function Settle({ subscription, selected, filter, matching, done }: SettleProps) {
  const { count, isAll } = matching
  const all = `${isAll ? '' : 'at least '}${counted(count, 'event')}`
  const which = isFiltered(filter) ? 'matching' : 'all'
  const number = isAll ? digits(count) : `${digits(count)} or more`
  return (
    <fieldset class="buttons actions bare">
      <legend class="hidden">Retry and skip</legend>
      <ActionButton<Settled>
        label={`Retry ${digits(selected.length)} chosen`}
        path="parked/retry"
        body={{ subscription, positions: selected }}
        isOff={selected.length === 0}
        done={(answer) => done(retried(answer))}
      />
      <ActionButton<Settled>
        label={`Skip ${digits(selected.length)} chosen`}
        path="parked/skip"
        body={{ subscription, positions: selected }}
        name={subscription}
        isOff={selected.length === 0}
        consequence={skipping(counted(selected.length, 'event'), subscription)}
        done={(answer) => done(skipped(answer))}
      />
      <ActionButton<Settled>
        label={`Retry ${which} (${number})`}
        path="parked/retry"
        body={{ subscription, filter }}
        consequence={`The handler of '${subscription}' gets ${all} again: ${wordsOf(filter)}. Events that wait behind others follow when these are handled.`}
        done={(answer) => done(retried(answer))}
      />
      <ActionButton<Settled>
        label={`Skip ${which} (${number})`}
        path="parked/skip"
        body={{ subscription, filter }}
        name={subscription}
        consequence={skipping(`${all}: ${wordsOf(filter)}`, subscription)}
        done={(answer) => done(skipped(answer))}
      />
    </fieldset>
  )
}

/** What skipping does to `events`, in words. */
export const skipping = (events: string, subscription: string): string =>
  `This removes ${events}. The handler of '${subscription}' never gets what is skipped.`

export function retried({ count, missing }: Settled): string {
  return `Handed to the workers: ${counted(count, 'event')}. Each leaves this list when a worker has handled it.${gone(missing)}`
}

export function skipped({ count, missing }: Settled): string {
  return `Skipped: ${counted(count, 'event')}.${gone(missing)}`
}

function gone(missing: readonly number[] = []): string {
  if (missing.length === 0) return ''
  return ` Not parked any more, so left alone: ${counted(missing.length, 'event')}.`
}

function wordsOf({ type, streamId, error }: Filter): string {
  const parts = [
    type && `type ${type}`,
    streamId && `stream ${streamId}`,
    error && `errors that contain “${error}”`,
  ].filter(Boolean)
  return parts.length === 0 ? 'all that are parked' : parts.join(', ')
}

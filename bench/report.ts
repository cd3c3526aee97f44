/** Formats the figures as lines of text. */
import type { CallTimes } from './call-times.ts'
import type { Result, Spread } from './result.ts'

const widths = { name: 30, figure: 38 }

export function headLine(): string {
  return `${'case'.padEnd(widths.name)}${padded(['ours', 'peer'])}ratio`
}

/** Returns one line of figures, and a second one beneath it with the times of the calls if there are any. */
export function resultLines(result: Result): string {
  const name = result.case.padEnd(widths.name)
  const problem = problemOf(result)
  if (problem !== undefined) return `${name}${problem}`
  const ours = figure(result.ours, result.oursSpread, result.unit)
  const peer =
    result.peerName === null ? '' : `${figure(result.peer, result.peerSpread, '')} ${result.peerName}`
  const figures = `${name}${padded([ours, peer])}${verdict(result)}`
  if (result.oursCallTimes === null) return figures
  const times = [callTimes(result.oursCallTimes), callTimes(result.peerCallTimes)]
  const appends =
    result.appendsPerCommitTime === null
      ? ''
      : `${round(result.appendsPerCommitTime)} appends per commit time`
  return `${figures}\n${'  p50 / p95 / p99 of a call'.padEnd(widths.name)}${padded(times)}${appends}`.trimEnd()
}

const padded = (figures: readonly string[]) => figures.map((text) => text.padEnd(widths.figure)).join('')

/** Returns why a result has no figures, or `undefined` if it has. */
export function problemOf({ skipped, failed }: Result): string | undefined {
  if (skipped !== undefined) return `skipped: ${skipped}`
  return failed === undefined ? undefined : `FAILED: ${failed}`
}

/** Returns the ratio, the target, and whether the target is met. */
export function verdict({ ratio, better, target, ok, unit }: Result): string {
  const aim = `${better === 'higher' ? '≥' : '≤'} ${target}${ratio === null ? ` ${unit}` : ''}`
  const mark = ok ? 'ok' : 'MISSED'
  return ratio === null ? `${aim} ${mark}` : `${ratio.toFixed(2)} (${aim}) ${mark}`
}

export function figure(value: number | null, spread: Spread | null, unit: string): string {
  if (value === null || spread === null) return '–'
  return `${round(value)} (${round(spread[0])}–${round(spread[1])}) ${unit}`.trimEnd()
}

/** Returns the percentiles, or an empty text if there are none. */
export function callTimes(times: CallTimes | null): string {
  return times === null ? '' : `${[times.p50, times.p95, times.p99].map(round).join(' / ')} ms`
}

/** Rounds to three digits: a benchmark is not more precise. */
export function round(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en-US')
}

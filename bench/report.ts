/** Formats the figures as lines of text. */
import type { Result, Spread } from './result.ts'

const widths = { name: 30, figure: 38 }

export function headLine(): string {
  return `${'case'.padEnd(widths.name)}${'ours'.padEnd(widths.figure)}${'peer'.padEnd(widths.figure)}ratio`
}

export function resultLine(result: Result): string {
  const name = result.case.padEnd(widths.name)
  const problem = problemOf(result)
  if (problem !== undefined) return `${name}${problem}`
  const ours = figure(result.ours, result.oursSpread, result.unit)
  const peer =
    result.peerName === null ? '' : `${figure(result.peer, result.peerSpread, '')} ${result.peerName}`
  return `${name}${ours.padEnd(widths.figure)}${peer.padEnd(widths.figure)}${verdict(result)}`
}

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

/** Rounds to three digits: a benchmark is not more precise. */
export function round(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en-US')
}

/** Shows the progress of the import: a bar in a terminal, and otherwise a few plain lines. */
import { type Options, SingleBar } from 'cli-progress'
import { count, print } from './print.ts'

export interface Progress {
  /** `share`: how much was imported, from 0 to 1. */
  update(share: number, events: number): void
  /** Removes the bar. */
  stop(): void
}

export function showProgress(): Progress {
  return process.stdout.isTTY ? bar() : plainLines()
}

function bar(): Progress {
  const options: Options = {
    stream: process.stdout,
    format: '  {bar}  {share} %   {events} events   {speed} events/s',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
  }
  const bar = new SingleBar(options)
  const begin = performance.now()
  bar.start(1, 0, { share: '0', events: '0', speed: '0' })
  return {
    update(share, events) {
      const seconds = (performance.now() - begin) / 1000
      bar.update(share, {
        share: (share * 100).toFixed(0).padStart(3),
        events: count(events),
        speed: count(events / seconds),
      })
    },
    stop: () => bar.stop(),
  }
}

function plainLines(): Progress {
  const begin = performance.now()
  let nextQuarter = 1
  return {
    update(share, events) {
      // An import that takes less than a second needs no progress lines.
      if (share * 4 < nextQuarter || share === 1 || performance.now() - begin < 1000) return
      nextQuarter = Math.floor(share * 4) + 1
      print(`  ${(share * 100).toFixed(0)} %   ${count(events)} events`)
    },
    stop() {},
  }
}

/** Draws a plot with uPlot. This file is loaded when the first plot is shown. */
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Tracks } from './tracks.ts'

export interface Canvas {
  readonly update: (tracks: Tracks) => void
  readonly remove: () => void
}

interface Look {
  readonly height: number
  readonly format: (value: number) => string
  /** Called with the index of the time under the pointer; undefined when it leaves. */
  readonly pointed: (index: number | undefined) => void
}

/** In seconds: a few samples are not stretched over the whole width. */
const shortestSpan = 60

/** Between the lines of the vertical axis. */
const steps = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat()

const dashes = [[], [6, 3], [2, 3], [10, 4, 2, 4], [12, 4], [4, 2, 1, 2]]

/** `host` gives the width, also when it changes, and the colours of the theme. */
export function drawPlot(host: HTMLElement, first: Tracks, { height, format, pointed }: Look): Canvas {
  const names = first.tracks.map(({ name }) => name).join('\n')
  const plot = new uPlot(
    {
      width: Math.max(1, host.clientWidth),
      height,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, y: false },
      scales: {
        x: { range: (_plot, min, max) => [Math.min(min, max - shortestSpan), max] },
        y: { range: (_plot, _min, max) => [0, Math.max(1, (max ?? 0) * 1.1)] },
      },
      axes: [
        { ...axis(host), size: 26, space: 80, values: (_plot, times) => times.map(clock) },
        { ...axis(host), size: 52, space: 24, incrs: steps, values: (_plot, values) => values.map(format) },
      ],
      series: [
        {},
        ...first.tracks.map((_track, index) => ({
          stroke: () => colour(host, `--track-${index + 1}`),
          dash: dashes[index] ?? [],
          width: 1.5,
          points: { show: false },
        })),
      ],
      hooks: { setCursor: [({ cursor: { idx } }) => pointed(idx ?? undefined)] },
    },
    dataOf(first),
    host,
  )
  const sizes = new ResizeObserver(() => plot.setSize({ width: Math.max(1, host.clientWidth), height }))
  sizes.observe(host)
  const redraw = () => plot.redraw(false)
  const themes = new MutationObserver(redraw)
  themes.observe(document.documentElement, { attributeFilter: ['data-theme'] })
  const system = matchMedia('(prefers-color-scheme: dark)')
  system.addEventListener('change', redraw)
  return {
    update(tracks) {
      if (tracks.tracks.map(({ name }) => name).join('\n') === names) plot.setData(dataOf(tracks))
    },
    remove() {
      sizes.disconnect()
      themes.disconnect()
      system.removeEventListener('change', redraw)
      plot.destroy()
    },
  }
}

const dataOf = ({ times, tracks }: Tracks): uPlot.AlignedData =>
  [times, ...tracks.map(({ values }) => values)] as uPlot.AlignedData

const axis = (host: HTMLElement): uPlot.Axis => ({
  stroke: () => colour(host, '--soft'),
  grid: { stroke: () => colour(host, '--line'), width: 1 },
  ticks: { show: false },
  font: '11px system-ui, sans-serif',
})

/** The canvas understands no variables of the style sheet, so the browser computes the colour first. */
function colour(host: HTMLElement, variable: string): string {
  host.style.color = `var(${variable})`
  return getComputedStyle(host).color
}

const clock = (seconds: number) => new Date(seconds * 1000).toTimeString().slice(0, 8)

/** Reads what the appending processes have measured from the addresses at which they serve it for Prometheus. */
import { InvalidInputError } from '@eventsourced/core'
import type { AppendCounts, MetricSource } from './metrics.ts'

/** The options of `scrapedMetrics`. */
export interface ScrapedMetricsOptions {
  /** The option `prefix` of `prometheus` in the appending processes. @default 'eventsourced_' */
  readonly prefix?: string | undefined
}

const longestScrape = 2_000
const mostBytes = 4_000_000
// After a longer pause, the difference would look like a burst of appends.
const longestPause = 5_000

/**
 * Returns the sums over all processes. A process that does not answer adds nothing, and what it did meanwhile is not
 * counted. A process that has restarted counts from its new beginning.
 * @param urls the addresses of the metrics, one for each process, such as `http://10.0.0.7:3000/metrics`
 * @throws InvalidInputError if an address is none
 */
export function scrapedMetrics(urls: readonly string[], options: ScrapedMetricsOptions = {}): MetricSource {
  const { prefix = 'eventsourced_' } = options
  const processes = urls.map((url) => new ScrapedProcess(checkedUrl(url), prefix))
  return {
    async read(signal) {
      const answers = await Promise.all(processes.map((process) => process.scrape(signal)))
      signal.throwIfAborted()
      if (!answers.includes(true)) return undefined
      return processes.map(({ counted }) => counted).reduce(sum)
    },
  }
}

const none: AppendCounts = { appends: 0, conflicts: 0, commits: 0, commitMilliseconds: 0 }
const kinds = Object.keys(none) as (keyof AppendCounts)[]

const combined = (combine: (kind: keyof AppendCounts) => number): AppendCounts => ({
  appends: combine('appends'),
  conflicts: combine('conflicts'),
  commits: combine('commits'),
  commitMilliseconds: combine('commitMilliseconds'),
})
const sum = (one: AppendCounts, other: AppendCounts) => combined((kind) => one[kind] + other[kind])

/** The counters of one process, and how much they have grown since the first scrape. */
class ScrapedProcess {
  readonly #url: URL
  readonly #prefix: string
  #last: { readonly counts: AppendCounts; readonly at: number } | undefined
  counted: AppendCounts = none

  constructor(url: URL, prefix: string) {
    this.#url = url
    this.#prefix = prefix
  }

  /** Resolves with whether the process answers. */
  async scrape(signal: AbortSignal): Promise<boolean> {
    const text = await textOf(this.#url, signal)
    const counts = text === undefined ? undefined : countsIn(text, this.#prefix)
    if (counts === undefined) return false
    const at = performance.now()
    if (this.#last !== undefined && at - this.#last.at <= longestPause) {
      const before = this.#last.counts
      const hasRestarted = kinds.some((kind) => counts[kind] < before[kind])
      this.counted = sum(
        this.counted,
        hasRestarted ? counts : combined((kind) => counts[kind] - before[kind]),
      )
    }
    this.#last = { counts, at }
    return true
  }
}

/** Resolves with `undefined` if the process does not answer in time with a text of a sensible size. */
async function textOf(url: URL, signal: AbortSignal): Promise<string | undefined> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(longestScrape)])
    const response = await fetch(url, { signal: limit, headers: { Accept: 'text/plain; version=0.0.4' } })
    if (!response.ok || response.body === null) {
      await response.body?.cancel()
      return undefined
    }
    let text = ''
    for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
      text += part
      if (text.length > mostBytes) return undefined
    }
    return text
  } catch {
    return undefined
  }
}

/** Returns `undefined` if the text is not of `@eventsourced/core/prometheus` with this prefix. A series appears with its first fact. */
function countsIn(text: string, prefix: string): AppendCounts | undefined {
  const values = new Map<string, number>()
  for (const [, name, labels = '', value] of text.matchAll(/^(\w+)(?:\{([^\n]*)\})? (\S+)/gm)) {
    if (name?.startsWith(prefix)) values.set(`${name.slice(prefix.length)}{${labels}}`, Number(value))
  }
  if (values.size === 0) return undefined
  const counterOf = (series: string) => values.get(series) ?? 0
  return {
    appends: counterOf('append_duration_seconds_count{outcome="appended"}'),
    conflicts: counterOf('append_duration_seconds_count{outcome="conflict"}'),
    commits: counterOf('commit_duration_seconds_count{}'),
    commitMilliseconds: counterOf('commit_duration_seconds_sum{}') * 1_000,
  }
}

function checkedUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed !== undefined && (parsed.username !== '' || parsed.password !== '')) {
    // `fetch` refuses each such address, and there would be no metrics without a word. The secret is not repeated.
    throw new InvalidInputError('metrics', 'must be an address without a user and a password', 'another one')
  }
  if (parsed?.protocol === 'http:' || parsed?.protocol === 'https:') return parsed
  throw new InvalidInputError('metrics', 'must be an address such as http://localhost:3000/metrics', url)
}

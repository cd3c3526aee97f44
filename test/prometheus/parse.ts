/**
 * A strict parser of the text format of Prometheus, version 0.0.4, and of the part of OpenMetrics 1.0 that differs. It
 * throws for everything that the formats do not allow.
 */
import assert from 'node:assert/strict'

interface ParsedSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface ParsedFamily {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly samples: ParsedSample[]
}

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const samplePattern = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/
const labelPattern = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y
const unescaped: Readonly<Record<string, string>> = { '\\\\': '\\', '\\"': '"', '\\n': '\n' }

export function parseMetrics(text: string, format: 'text' | 'openmetrics' = 'text'): readonly ParsedFamily[] {
  assert.ok(text === '' || text.endsWith('\n'), 'the last line must end')
  const lines = text.split('\n').slice(0, -1)
  if (format === 'openmetrics') assert.equal(lines.pop(), '# EOF')
  const families: ParsedFamily[] = []
  const series = new Set<string>()
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] as string
    if (line.startsWith('#')) {
      const [, name = '', help = ''] = /^# HELP (\S+) (.+)$/.exec(line) ?? assert.fail(`no HELP: ${line}`)
      assert.match(name, metricName)
      const [, typed, type = ''] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(lines[++index] ?? '') ?? []
      assert.equal(typed, name)
      assert.ok(!families.some((family) => family.name === name), `${name} is not in one piece`)
      families.push({ name, help, type, samples: [] })
      continue
    }
    const [, name = '', labels = '', number = ''] =
      samplePattern.exec(line) ?? assert.fail(`no sample: ${line}`)
    const family = families.at(-1) ?? assert.fail('a sample before its family')
    assert.ok(
      suffixesOf(family.type, format).some((suffix) => name === family.name + suffix),
      `${name} is elsewhere`,
    )
    const value = Number(number)
    assert.ok(Number.isFinite(value), `no number: ${line}`)
    assert.ok(!series.has(`${name}{${labels}}`), `twice: ${line}`)
    series.add(`${name}{${labels}}`)
    family.samples.push({ name, labels: labelsOf(labels), value })
  }
  for (const family of families) checkHistogram(family)
  return families
}

function suffixesOf(type: string, format: string): readonly string[] {
  if (type === 'histogram') return ['_bucket', '_sum', '_count']
  return [type === 'counter' && format === 'openmetrics' ? '_total' : '']
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  labelPattern.lastIndex = 0
  while (labelPattern.lastIndex < text.length) {
    const [, name = '', value = ''] = labelPattern.exec(text) ?? assert.fail(`no labels: ${text}`)
    assert.ok(!(name in labels), `label ${name} twice`)
    labels[name] = value.replace(/\\["\\n]/g, (pair) => unescaped[pair] as string)
  }
  return labels
}

/** Buckets rise and end with +Inf, whose value is the count. */
function checkHistogram({ name, type, samples }: ParsedFamily): void {
  if (type !== 'histogram') return
  for (const group of groupsOf(samples).values()) {
    const buckets = group.filter((sample) => sample.name === `${name}_bucket`)
    const bounds = buckets.map(({ labels }) =>
      labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le),
    )
    assert.deepEqual(
      bounds,
      [...bounds].sort((a, b) => a - b),
    )
    assert.equal(bounds.at(-1), Number.POSITIVE_INFINITY)
    const values = buckets.map(({ value }) => value)
    assert.deepEqual(
      values,
      [...values].sort((a, b) => a - b),
    )
    assert.equal(group.find((sample) => sample.name === `${name}_count`)?.value, values.at(-1))
    assert.equal(group.filter((sample) => sample.name === `${name}_sum`).length, 1)
  }
}

function groupsOf(samples: readonly ParsedSample[]): Map<string, ParsedSample[]> {
  const groups = new Map<string, ParsedSample[]>()
  for (const sample of samples) {
    const { le: _, ...others } = sample.labels
    const key = JSON.stringify(others)
    groups.set(key, [...(groups.get(key) ?? []), sample])
  }
  return groups
}

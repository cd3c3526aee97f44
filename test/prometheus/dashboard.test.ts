/** The dashboard and the alert rules query metrics that exist, in expressions that Prometheus accepts. */
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { prometheus } from '@eventsourced/core/prometheus'
import { beforeAll, describe, expect, it } from 'vitest'
import { families } from '../../src/prometheus/families.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { parseMetrics } from './parse.ts'
import { hasPromtool, promtool } from './promtool.ts'
import { everyFact, storeWithSubscription } from './samples.ts'

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly datasource?: { readonly uid: string }
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly expr: string; readonly refId: string }[]
}

const dashboardFile = 'docs/grafana-dashboard.json'
const alertsFile = 'docs/alerts.yaml'
const dashboard: {
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] }
} = JSON.parse(readFileSync(dashboardFile, 'utf8'))
const alerts = readFileSync(alertsFile, 'utf8')
const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))

/** The names of all samples, and the labels of each. */
const written = new Map<string, readonly string[]>()

beforeAll(async () => {
  const metrics = prometheus()
  for (const fact of everyFact) metrics.measure(fact)
  const text = await metrics.text(await storeWithSubscription())
  for (const { samples } of parseMetrics(text)) {
    for (const { name, labels } of samples) written.set(name, Object.keys(labels))
  }
})

const metricsIn = (text: string) => new Set(text.match(/\beventsourced_\w+/g))

describe('the dashboard', () => {
  it('queries only metrics that exist, and each family at least once', () => {
    const queried = metricsIn(JSON.stringify(dashboard))
    for (const name of queried) expect([...written.keys()], name).toContain(name)
    for (const family of Object.keys(families)) {
      const isQueried = [...queried].some((name) => name.startsWith(`eventsourced_${family}`))
      expect(isQueried, `the dashboard does not show ${family}`).toBe(true)
    }
  })

  it('selects and groups by labels that the metrics have', () => {
    for (const expression of expressions) {
      for (const [, name = '', selectors = ''] of expression.matchAll(/(eventsourced_\w+)\{([^}]*)\}/g)) {
        const labels = ['job', 'instance', ...(written.get(name) ?? [])]
        for (const [, label] of selectors.matchAll(/(\w+)=/g)) expect(labels, expression).toContain(label)
        const grouped = /by \(([^)]*)\)/.exec(expression)?.[1]?.split(', ') ?? []
        for (const label of grouped) expect(labels, expression).toContain(label)
      }
    }
  })

  it('has panels with ids, titles and a data source, which do not overlap', () => {
    const cells = new Set<string>()
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
    for (const { type, title, datasource, targets, gridPos } of dashboard.panels) {
      expect(title).not.toBe('')
      if (type !== 'row')
        expect([datasource?.uid, targets?.length]).toEqual([`\${datasource}`, expect.any(Number)])
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(cells, title).not.toContain(`${x} ${y}`)
          cells.add(`${x} ${y}`)
        }
      }
    }
    const variables = dashboard.templating.list.map(({ name }) => name)
    for (const [, name] of JSON.stringify(dashboard.panels).matchAll(/\$\{?(\w+)/g)) {
      expect([...variables, '__rate_interval']).toContain(name)
    }
  })

  it('is at most 60 KB', () => {
    expect(statSync(dashboardFile).size).toBeLessThanOrEqual(60_000)
  })

  it.skipIf(!hasPromtool)('has expressions that Prometheus accepts', () => {
    const rules = expressions.map((expression, index) => {
      const expr = expression.replaceAll('$__rate_interval', '5m').replaceAll(/\$\w+/g, '.*')
      return { record: `panel:${index}`, expr }
    })
    const folder = temporaryFolder('rules')
    const file = join(folder.path, 'rules.yaml')
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules }] }))
    expect(promtool(['check', 'rules', file])).toContain(`${rules.length} rules found`)
    rmSync(file)
    folder.remove()
  })
})

describe('the alert rules', () => {
  it('query only metrics that exist', () => {
    const queried = metricsIn(alerts)
    expect(queried.size).toBeGreaterThan(10)
    for (const name of queried) expect([...written.keys()], name).toContain(name)
  })

  it('each have a severity, a meaning and a first step, and are in the table of the page', () => {
    const rules = alerts.split(/^ {6}- alert: /m).slice(1)
    const page = readFileSync('docs/health.md', 'utf8')
    for (const rule of rules) {
      const name = /^\w+/.exec(rule)?.[0]
      expect(rule, name).toMatch(/severity: (critical|warning|info) /)
      expect(rule, name).toMatch(/summary: ".+"\n +action: ".+"/)
      expect(page).toContain(`| \`${name}\` |`)
    }
  })

  it.skipIf(!hasPromtool)('are accepted by Prometheus, and fire when they should', () => {
    promtool(['check', 'rules', alertsFile])
    expect(promtool(['test', 'rules', 'test/prometheus/alerts-story.yaml'])).toContain('SUCCESS')
  })
})

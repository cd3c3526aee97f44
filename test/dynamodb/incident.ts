/** Keeps the incidents of a store, and leaves out the other facts that it reports. */
import type { IncidentMetric, Metric } from '@eventsourced/core'

export const incidentsInto =
  (incidents: IncidentMetric[]) =>
  (metric: Metric): void => {
    if ('reason' in metric) incidents.push(metric)
  }

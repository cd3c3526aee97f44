/** Prints the tables as a Terraform file. */
import {
  type StreamTarget,
  type TableSpec,
  type TableThroughput,
  type TemplateOptions,
  tableSpecs,
} from './options.ts'
import { streamBatchSize, streamFilter } from './stream-mapping.ts'

/** The attribute of another resource. */
interface Reference {
  readonly expression: string
}
type Value = string | number | boolean | Reference
/** A line `name = value`, or a block of such lines. */
type Entry = readonly [name: string, value: Value] | Block
interface Block {
  readonly block: string
  /** Whether an equals sign follows the name: a map. */
  readonly isMap?: boolean
  readonly entries: readonly Entry[]
}

/**
 * Returns both tables as a Terraform file for the provider `hashicorp/aws`, version 6.13 or later.
 *
 * @throws InvalidInputError if an option is not valid
 */
export function terraform(options?: TemplateOptions): string {
  return tableSpecs(options)
    .flatMap((spec): readonly Block[] => {
      const block = `resource "aws_dynamodb_table" "${nameOf(spec)}"`
      return [{ block, entries: entriesOf(spec) }, ...(spec.target ? [mapping(spec, spec.target)] : [])]
    })
    .map((block) => `${printed(block).join('\n')}\n`)
    .join('\n')
}

const nameOf = ({ resource }: TableSpec) => resource.toLowerCase()

function mapping(spec: TableSpec, target: StreamTarget): Block {
  const { function: name, batchWindow = 0, onFailure } = target
  const filter: Block = { block: 'filter', entries: [['pattern', streamFilter]] }
  const destination: Block = { block: 'on_failure', entries: [['destination_arn', onFailure ?? '']] }
  return {
    block: 'resource "aws_lambda_event_source_mapping" "log_stream"',
    entries: [
      ['event_source_arn', { expression: `aws_dynamodb_table.${nameOf(spec)}.stream_arn` }],
      ['function_name', name],
      // With LATEST, Lambda would skip what is appended until the mapping works.
      ['starting_position', 'TRIM_HORIZON'],
      ['batch_size', streamBatchSize],
      ['maximum_batching_window_in_seconds', batchWindow],
      ['bisect_batch_on_function_error', false],
      // Until DynamoDB deletes the records, a day later.
      ['maximum_retry_attempts', -1],
      ['maximum_record_age_in_seconds', -1],
      { block: 'filter_criteria', entries: [filter] },
      ...(onFailure === undefined ? [] : [{ block: 'destination_config', entries: [destination] }]),
    ],
  }
}

function entriesOf(spec: TableSpec): readonly Entry[] {
  const { name, ttl, stream, kmsKey, tags, warm, max, deletionProtection, recoveryDays, replicas } = spec
  const key = (attribute: string): Block => ({
    block: 'attribute',
    entries: [
      ['name', attribute],
      ['type', 'S'],
    ],
  })
  return [
    ['name', name],
    ['billing_mode', 'PAY_PER_REQUEST'],
    ['hash_key', 'p'],
    ['range_key', 's'],
    ['deletion_protection_enabled', deletionProtection],
    ...(stream === undefined
      ? []
      : ([
          ['stream_enabled', true],
          ['stream_view_type', stream],
        ] as const)),
    key('p'),
    key('s'),
    {
      block: 'point_in_time_recovery',
      entries: [
        ['enabled', recoveryDays !== false],
        ...(recoveryDays === false ? [] : ([['recovery_period_in_days', recoveryDays]] as const)),
      ],
    },
    ...(ttl === undefined
      ? []
      : [
          {
            block: 'ttl',
            entries: [
              ['attribute_name', ttl],
              ['enabled', true],
            ],
          } satisfies Block,
        ]),
    ...(kmsKey === undefined
      ? []
      : [
          {
            block: 'server_side_encryption',
            entries: [
              ['enabled', true],
              ['kms_key_arn', kmsKey],
            ],
          } satisfies Block,
        ]),
    ...given('warm_throughput', warm, 'read_units_per_second', 'write_units_per_second'),
    ...given('on_demand_throughput', max, 'max_read_request_units', 'max_write_request_units'),
    ...replicas.map(
      ({ region, kmsKey: ownKey }): Block => ({
        block: 'replica',
        entries: [
          ['region_name', region],
          ['deletion_protection_enabled', deletionProtection],
          ['point_in_time_recovery', recoveryDays !== false],
          ['propagate_tags', true],
          ...(ownKey === undefined ? [] : ([['kms_key_arn', ownKey]] as const)),
        ],
      }),
    ),
    ...(tags.length === 0
      ? []
      : [{ block: 'tags', isMap: true, entries: tags.map(([tag, value]) => [textOf(tag), value] as const) }]),
    // Terraform then refuses a plan that would replace the table.
    ...(deletionProtection
      ? [{ block: 'lifecycle', entries: [['prevent_destroy', true]] } satisfies Block]
      : []),
  ]
}

/** A block with the units that are given, if any is. */
function given(block: string, units: TableThroughput, read: string, write: string): readonly Block[] {
  const entries = [
    [read, units.readUnits],
    [write, units.writeUnits],
  ].filter((entry): entry is [string, number] => entry[1] !== undefined)
  return entries.length === 0 ? [] : [{ block, entries }]
}

/** Prints a block as `terraform fmt` would: the equals signs of neighbouring lines are aligned. */
function printed({ block, isMap, entries }: Block): readonly string[] {
  const lines: readonly Entry[] = entries
  const width = Math.max(...lines.map((entry) => ('block' in entry ? 0 : entry[0].length)))
  const body = lines.flatMap((entry, index) => {
    if (!('block' in entry)) {
      const [name, value] = entry
      return [`${name.padEnd(width)} = ${printedValue(value)}`]
    }
    return [...(index === 0 ? [] : ['']), ...printed(entry)]
  })
  return [`${block} ${isMap ? '= ' : ''}{`, ...body.map((line) => (line === '' ? '' : `  ${line}`)), '}']
}

function printedValue(value: Value): string {
  if (typeof value === 'object') return value.expression
  return typeof value === 'string' ? textOf(value) : String(value)
}

/** No text contains `${` or `%{`, which would begin a template of HCL. */
const textOf = (text: string): string => JSON.stringify(text)

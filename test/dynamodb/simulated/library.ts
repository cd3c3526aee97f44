/** The parts of the library that a schedule runs. A test of mistakes replaces them by a bundle of altered sources. */

import { tablesOf } from '../../../src/dynamodb/keys.ts'
import { Connection } from '../../../src/dynamodb/requests/connection.ts'
import { dynamodbStorage } from '../../../src/dynamodb/storage.ts'
import { createTables } from '../../../src/dynamodb/tables/tables.ts'
import { InlineProjections } from '../../../src/projection/inline.ts'
import { projection } from '../../../src/projection/projection.ts'

export const library = { Connection, tablesOf, dynamodbStorage, createTables, InlineProjections, projection }

export type Library = typeof library

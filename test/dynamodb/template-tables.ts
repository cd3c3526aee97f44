/** Creates the tables of a CloudFormation template on an emulator. */
import { CreateTableCommand, type DynamoDBClient, UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb'
import { cloudFormation, type TemplateOptions } from '@eventsourced/core/dynamodb/templates'

export async function createTablesOf(options: TemplateOptions, admin: DynamoDBClient): Promise<void> {
  const { Events, Log } = JSON.parse(cloudFormation(options)).Resources
  for (const { Properties } of [Events, Log]) {
    const {
      TimeToLiveSpecification,
      PointInTimeRecoverySpecification,
      // The emulators do not support deletion protection.
      DeletionProtectionEnabled: _,
      StreamSpecification: stream,
      ...input
    } = Properties
    // CloudFormation needs no `StreamEnabled`.
    const StreamSpecification = stream && { StreamEnabled: true, ...stream }
    await admin.send(new CreateTableCommand({ ...input, StreamSpecification }))
    if (TimeToLiveSpecification === undefined) continue
    const { TableName } = input
    await admin.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }))
  }
}

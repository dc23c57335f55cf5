//! What a client is told about an answer before it fetches it.

use arrow_flight::flight_descriptor::DescriptorType;
use arrow_flight::{
    FlightDescriptor, FlightEndpoint, FlightInfo, IpcMessage, SchemaAsIpc, SchemaResult, Ticket,
};
use bytes::Bytes;
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::writer::IpcWriteOptions;
use tonic::{Response, Status};

use super::error;

/// The header that names the last log position an answer sees.
const POSITION: &str = "ledgerline-position";

/// Where the rows are: always at one endpoint, this server, whether there are any or not.
pub(super) fn flight(
    descriptor: FlightDescriptor,
    schema: &Schema,
    ticket: Ticket,
    position: Option<u64>,
) -> Result<FlightInfo, Status> {
    let metadata = position.map(|position| position.to_string()).unwrap_or_default();
    let info = FlightInfo::new()
        .try_with_schema(schema)
        .map_err(failed)?
        .with_descriptor(descriptor)
        .with_endpoint(FlightEndpoint::new().with_ticket(ticket))
        .with_ordered(true)
        .with_app_metadata(metadata);
    Ok(info)
}

/// The command of a descriptor.
pub(super) fn command(descriptor: &FlightDescriptor) -> Result<&Bytes, Status> {
    match descriptor.r#type == DescriptorType::Cmd as i32 {
        true => Ok(&descriptor.cmd),
        false => Err(Status::invalid_argument(
            "find a flight: wanted a command of Flight SQL, there are no paths here",
        )),
    }
}

/// A schema as Arrow IPC writes it.
pub(super) fn ipc(schema: &Schema) -> Result<Bytes, Status> {
    let message = IpcMessage::try_from(SchemaAsIpc::new(schema, &IpcWriteOptions::default()));
    message.map(|message| message.0).map_err(failed)
}

/// The answer to GetSchema.
pub(super) fn schema(schema: &Schema) -> Result<SchemaResult, Status> {
    Ok(SchemaResult { schema: ipc(schema)? })
}

/// An answer whose header names its position.
pub(super) fn at<T>(position: Option<u64>, body: T) -> Response<T> {
    let mut response = Response::new(body);
    if let Some(value) = position.and_then(|position| position.to_string().parse().ok()) {
        drop(response.metadata_mut().insert(POSITION, value));
    }
    response
}

fn failed(error: ArrowError) -> Status {
    error::refused(&error.into())
}

//! Where a question pauses, and where it ends.
//!
//! In: a plan. Out: the same plan with a gate behind whatever reads rows, and behind whatever
//! makes many batches out of one. Invariants: behind each batch the question gives its thread
//! up once; a closed gate gives an error instead of the next batch, so a question that nobody
//! waits for any more ends within the time of one batch, whatever stands above the gate.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{Stream, StreamExt as _};

/// The gate of one question.
#[derive(Debug, Default)]
pub(super) struct Gate {
    is_closed: AtomicBool,
}

impl Gate {
    /// Lets no further batch through.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    /// The same plan, with this gate in it.
    pub(super) fn put_in(
        self: &Arc<Self>,
        plan: Arc<dyn ExecutionPlan>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let gated = plan.transform_up(|node| {
            let (inputs, name) = (node.children().len(), node.name());
            let is_source = inputs == 0;
            let multiplies = inputs > 1 || name == "UnnestExec";
            Ok(match is_source || multiplies {
                true => {
                    let gate = GateExec { input: node, gate: self.clone() };
                    Transformed::yes(Arc::new(gate) as Arc<dyn ExecutionPlan>)
                }
                false => Transformed::no(node),
            })
        })?;
        Ok(gated.data)
    }
}

/// A gate behind one node of a plan.
#[derive(Debug)]
struct GateExec {
    input: Arc<dyn ExecutionPlan>,
    gate: Arc<Gate>,
}

impl DisplayAs for GateExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GateExec")
    }
}

impl ExecutionPlan for GateExec {
    fn name(&self) -> &'static str {
        "GateExec"
    }

    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion, DataFusionError>,
    ) -> Result<TreeNodeRecursion, DataFusionError> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let input = children
            .pop()
            .ok_or_else(|| DataFusionError::Internal("a gate stands behind one node".to_owned()))?;
        Ok(Arc::new(Self { input, gate: self.gate.clone() }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let batches = self.input.execute(partition, context)?;
        Ok(Box::pin(Gated { batches, gate: self.gate.clone(), has_given: false }))
    }
}

/// Batches behind a gate.
struct Gated {
    batches: SendableRecordBatchStream,
    gate: Arc<Gate>,
    /// A batch was given since the thread was.
    has_given: bool,
}

impl Stream for Gated {
    type Item = Result<RecordBatch, DataFusionError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.gate.is_closed.load(Ordering::Relaxed) {
            let ended = DataFusionError::Execution("the question was ended".to_owned());
            return Poll::Ready(Some(Err(ended)));
        }
        if std::mem::take(&mut self.has_given) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = self.batches.poll_next_unpin(context);
        self.has_given = matches!(next, Poll::Ready(Some(_)));
        next
    }
}

impl RecordBatchStream for Gated {
    fn schema(&self) -> SchemaRef {
        self.batches.schema()
    }
}

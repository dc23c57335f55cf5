-- name: kpi_appointment_rate
-- question: Appointment rate (约访成功率): how many of the right people agreed to meet.
-- numerator: right-party contacts in which an appointment was made, each counted once
-- denominator: right-party contacts: attempts answered by a person known to be the right one
-- exclusions: attempts under way; contacts of which nobody can say who it was
-- unit: parts per million
-- source: project metric
-- grain: one row
-- key: none
-- inputs: attempts, commitments
-- params: campaign_id =, from =, until =
-- columns: right_parties int64 | appointments int64 | appointment_rate_ppm int64 ppm
-- tests: expr(coalesce(appointment_rate_ppm between 0 and 1000000, true))
-- example: ledgerline query kpi_appointment_rate --param campaign_id=business-loan
with
agreed as (
    select distinct call_id
    from commitments
    where kind = 'appointment'
),
contacts as (
    select
        count(*) as right_parties,
        count(agreed.call_id) as appointments
    from attempts
    left join agreed on agreed.call_id = attempts.call_id
    where attempts.is_contact
        and attempts.is_over
        and attempts.is_right_party
        and ($campaign_id = '' or attempts.campaign_id = $campaign_id)
        and ($from = '' or attempts.started_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or attempts.started_at < cast(nullif($until, '') as timestamptz))
)
select
    right_parties,
    appointments,
    appointments * 1000000 / nullif(right_parties, 0) as appointment_rate_ppm
from contacts

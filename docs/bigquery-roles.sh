#!/usr/bin/env bash
# The sync's own service account in BigQuery: what it needs, and no more.
# Usage: docs/bigquery-roles.sh PROJECT [GONG_DATASET [SALESFORCE_DATASET]]
set -euo pipefail
project=${1:?the project that Fivetran writes to}
account="call-coach-sync@${project}.iam.gserviceaccount.com"

gcloud iam service-accounts create call-coach-sync --project "$project" --display-name "Call coach sync"

# To run queries, and to read their results through the Storage API (without it REST is used, several times slower).
for role in roles/bigquery.jobUser roles/bigquery.readSessionUser; do
  gcloud projects add-iam-policy-binding "$project" --member "serviceAccount:${account}" --role "$role" --condition=None
done

# To read the two datasets, and nothing else.
for dataset in "${2:-gongio_ft}" "${3:-salesforce}"; do
  bq query --project_id "$project" --use_legacy_sql=false \
    "GRANT \`roles/bigquery.dataViewer\` ON SCHEMA \`${project}\`.\`${dataset}\` TO \"serviceAccount:${account}\""
done

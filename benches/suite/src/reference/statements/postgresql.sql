-- What the library sends to PostgreSQL, by operation, with constants where that makes no difference. `:name`
-- is a parameter. The first column of the first row is kept under its name, if it is a bigint, for the
-- statements that follow. `reference/bare.rs` reads this file. Capture the statements again with
-- `log_statement = all` at the server. A new token takes the operations page, scan (if the page is full)
-- and create, and an existing one the page alone.

-- operation: login
WITH found AS (SELECT t.id, u.is_active, t.extra_data, t.token_generator_id, u.username, s.name, t.token,
    t.time_added, t.last_updated, t.last_used, t.expires, t.valid, t.invalid_date, t.invalid_reason, t.note,
    t.policy FROM webapi_webapitoken t LEFT JOIN auth_user u ON u.id = t.user_id LEFT JOIN site_localsite s ON s.id
    = t.local_site_id WHERE t.token = :value AND t.token COLLATE "C" = :value), written AS (UPDATE
    webapi_webapitoken t SET last_used = now() FROM found WHERE t.id = found.id AND t.token COLLATE "C" = :value AND
    found.is_active AND found.valid AND (found.expires IS NULL OR found.expires > now()) AND t.valid AND (t.expires
    IS NULL OR t.expires > now()) AND found.time_added BETWEEN timestamptz '0001-01-01' AND timestamptz
    '9999-12-31' AND found.last_updated BETWEEN timestamptz '0001-01-01' AND
    timestamptz '9999-12-31' AND COALESCE(found.last_used BETWEEN timestamptz '0001-01-01' AND timestamptz '9999-12-31', true) AND COALESCE(found.expires BETWEEN
    timestamptz '0001-01-01' AND timestamptz '9999-12-31', true) AND
    COALESCE(found.invalid_date BETWEEN timestamptz '0001-01-01' AND timestamptz '9999-12-31', true) AND COALESCE(octet_length(found.policy) <= 524288, true) AND
    COALESCE(octet_length(found.extra_data) <= 524288, true) RETURNING t.id) SELECT EXISTS (SELECT 1 FROM written
    WHERE written.id = found.id), found.* FROM found;

-- operation: page
SELECT u.id, u.username, s.id, s.name, t.id, COALESCE(OCTET_LENGTH(t.extra_data), 0), t.last_updated, t.id,
    u.is_active, t.extra_data, t.token_generator_id, u.username, s.name, t.token, t.time_added, t.last_updated,
    t.last_used, t.expires, t.valid, t.invalid_date, t.invalid_reason, t.note, t.policy FROM auth_user u LEFT JOIN
    (SELECT t.id FROM webapi_webapitoken t JOIN auth_user o ON o.id = t.user_id  WHERE o.username = :user AND
    t.local_site_id IS NULL AND t.valid AND (t.expires IS NULL OR ((t.expires) > (now() + interval '300' second) AND
    (t.expires) <= (timestamptz '9999-12-31'))) ORDER BY (t.expires IS NULL) DESC, (t.expires)
    DESC, t.id LIMIT 16) page ON 1 = 1 LEFT JOIN webapi_webapitoken t ON t.id = page.id LEFT JOIN site_localsite s
    ON s.id = t.local_site_id WHERE u.username = :user;

-- operation: scan
SELECT t.id, COALESCE(OCTET_LENGTH(t.extra_data), 0), t.last_updated, t.expires, t.token_generator_id,
    t.extra_data FROM webapi_webapitoken t WHERE t.user_id = (SELECT id FROM auth_user WHERE username = :user) AND
    t.local_site_id IS NULL AND t.valid AND (t.expires IS NULL OR (t.expires > now() + interval '300' second AND
    t.expires <= timestamptz '9999-12-31'));

-- operation: create
BEGIN;
SELECT u.id::bigint AS user_id, pg_advisory_xact_lock(1919054443, (u.id % 2147483647)::int)
FROM auth_user u WHERE u.username = :user;
SELECT settings FROM siteconfig_siteconfiguration ORDER BY site_id, id LIMIT 1;
SELECT f.owner, f.site, f.known, f.total, f.bytes, t.id, COALESCE(OCTET_LENGTH(t.extra_data), 0),
    t.last_updated, t.expires, t.token_generator_id, t.extra_data FROM (SELECT (SELECT username FROM auth_user WHERE
    id = :user_id::bigint) AS owner, NULL AS site, COUNT(*) AS known, CAST(SUM(t.id) AS char(40)) AS total,
    CAST(SUM(COALESCE(OCTET_LENGTH(t.extra_data), 0)) AS char(40)) AS bytes FROM webapi_webapitoken t WHERE
    t.user_id = :user_id::bigint AND t.local_site_id IS NULL AND t.valid AND (t.expires IS NULL OR ((t.expires) >
    (now() + interval '300' second) AND (t.expires) <= (timestamptz '9999-12-31'))) AND t.id <=
    9223372036854775806) f LEFT JOIN webapi_webapitoken t ON t.user_id = :user_id::bigint AND t.local_site_id IS
    NULL AND t.valid AND (t.expires IS NULL OR ((t.expires) > (now() + interval '300' second) AND (t.expires) <=
    (timestamptz '9999-12-31'))) AND (t.id > 9223372036854775806 OR (t.last_updated) >= (now()));
INSERT INTO webapi_webapitoken (user_id, token, token_generator_id, time_added, last_updated, expires, valid,
    invalid_reason, note, policy, extra_data)
VALUES (:user_id::bigint, :new_value, 'vendor_checksum', now(), now(), now() + interval '365' day, true, '', '',
    '{}', :extra_data)
RETURNING id::bigint AS id;
COMMIT;

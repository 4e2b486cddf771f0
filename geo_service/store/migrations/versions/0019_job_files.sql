-- Files that jobs made. The table stands in geo_service/store/job_tables.py.

CREATE TABLE job_file (
    job_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    content BYTEA NOT NULL,
    CONSTRAINT pk_job_file PRIMARY KEY (job_id),
    CONSTRAINT fk_job_file_job_id_job FOREIGN KEY (job_id) REFERENCES job (id) ON DELETE CASCADE
);

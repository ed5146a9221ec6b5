# The configuration: YAML text to a checked Config, its JSON schema and its reference page.
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
so_library(config TOGETHER
  SOURCES yaml.cc yaml_text.cc config.cc config_bind.cc config_check.cc config_check_routing.cc config_check_vlans.cc
          config_describe.cc
          config_problems.cc config_reader.cc config_reader_values.cc config_summary.cc
          config_value.cc config_words.cc schema.cc schema_json.cc schema_markdown.cc
          schema_words.cc
  DEPS base LIBS yaml-cpp nlohmann_json::nlohmann_json)

so_test(config_test SOURCES config_test.cc config_errors_test.cc config_routing_test.cc config_value_test.cc config_vlans_test.cc schema_test.cc
                            yaml_test.cc
        DEPS config)
so_fuzz(config_fuzz SOURCES config_fuzz.cc DEPS config CORPUS corpus/config)

if(BUILD_TESTING AND NOT STAROCEAN_FUZZ)
  add_executable(config_reference config_reference.cc)
  target_link_libraries(config_reference PRIVATE starocean_options starocean::config)
  # Whether Python's JSON Schema validator and our parser say the same of the same files.
  add_test(NAME config_schema_test
           COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/schema_test.py
                   $<TARGET_FILE:config_reference>
           WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(config_schema_test PROPERTIES TIMEOUT 120 LABELS unit)
endif()
